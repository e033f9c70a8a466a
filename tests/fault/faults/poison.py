"""Bytes that nobody can read, among good records, and their way back in."""

from __future__ import annotations

import signal
import time
from collections import Counter, defaultdict
from random import Random
from typing import ClassVar

from controltower.deadletters.letter import INTAKE, marks_of
from controltower.intake import SOURCE_HEADER
from controltower.simulate.day import Day
from controltower.streaming.client import read_topic
from controltower.streaming.stage import Record
from schemas.topics import DEAD_LETTERS
from tests.fault.day import PARTITIONS
from tests.fault.installation import FaultTower
from tests.fault.suite import Scenario
from tests.integration.poison import Poison, assert_same, poison_of, send
from tests.kafka import RealKafka


class Poisoned(Scenario):
    """Every kind of bytes that can't be read, on all intake topics, while normalize is killed: a letter each.

    Then `dead-letters replay` is killed on its way and run again: each goes back once.
    """

    name: ClassVar[str] = "poison, and its replay"
    day_s = 90.0

    def __init__(self) -> None:
        self._sent: dict[tuple[str, int, int], Poison] = {}
        self._told: set[str] = set()

    def inject(self, tower: FaultTower, kafka: RealKafka, rng: Random) -> int:
        self._sent = {}
        for partition in rng.sample(range(PARTITIONS), 3):
            tower.pause_while_flowing(rng.uniform(0.0, 3.0))
            poison = [bad for topic in sorted(INTAKE) for bad in poison_of(topic)]
            rng.shuffle(poison)
            self._sent |= send(tower.brokers, poison, partition)
            tower.kill_stage("normalize")
            tower.wait_for_work()
        tower.wait_until("a letter for each", lambda: _sources(tower).keys() >= self._named().keys())
        self._replay(tower, rng)
        return len(self._sent)

    def _named(self) -> dict[str, Poison]:
        return {"/".join(map(str, place)): poison for place, poison in self._sent.items()}

    def _replay(self, tower: FaultTower, rng: Random) -> None:
        self._told = set(_sources(tower))
        killed = tower.start("replay", "dead-letters", "replay")
        tower.wait_a_while(
            "the first goes back", lambda: killed.poll() is not None or bool(_marks(tower)), 30
        )
        time.sleep(rng.uniform(0.0, 0.2))
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        tower.notes.append(f"replay killed after {len(_marks(tower))} of {len(self._told)}")
        assert tower.run("again", "dead-letters", "replay") == 0, tower.log("again")

    def examine(self, tower: FaultTower, day: Day) -> list[str]:
        """One letter each with the bytes that were sent; each letter put back once."""
        letters = _sources(tower)
        for source, poison in self._named().items():
            (letter,) = letters[source]
            assert_same(letter, poison)
        marks = Counter(_marks(tower))
        wrong = [f"{source} went back {times} times" for source, times in marks.items() if times != 1]
        return wrong + [f"{source} did not go back" for source in sorted(self._told - marks.keys())]


def _sources(tower: FaultTower) -> dict[str, list[Record]]:
    """Where an original stands -> its letters."""
    found: defaultdict[str, list[Record]] = defaultdict(list)
    for letter in read_topic(tower.brokers, [DEAD_LETTERS]):
        found[dict(letter.headers)[SOURCE_HEADER].decode()].append(letter)
    return dict(found)


def _marks(tower: FaultTower) -> list[str]:
    """The letters that stand in the intake again; the mark that was set last tells which."""
    records = read_topic(tower.brokers, sorted(INTAKE))
    return [marks[-1] for record in records if (marks := marks_of(record))]
