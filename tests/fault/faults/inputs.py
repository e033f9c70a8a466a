"""Input that comes twice, late, in disorder, or behind a stage that was away."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from random import Random
from typing import ClassVar

from controltower.clock import epoch_ms_of
from controltower.intake import Arrival
from controltower.simulate.day import Day
from controltower.streaming.client import produce_all, read_topic
from controltower.streaming.stage import Out
from schemas.topics import TOPICS, Role
from tests.fault.installation import FaultTower
from tests.fault.judge import count_owed
from tests.fault.suite import Scenario
from tests.fault.undisturbed import Opening, false_alarms, false_by_scans, live_openings, tell
from tests.kafka import RealKafka

#: The longest deadline that may still run when a day ends is that of a route after its plan.
_STILL_DUE_MS = 8 * 3_600_000
_INTAKE = [topic.name for topic in TOPICS if topic.role is Role.INTAKE]


class InputScenario(Scenario):
    """The fault is in the day itself; the tower only has to work through it."""

    changed: int = 0

    def inject(self, tower: FaultTower, kafka: RealKafka, rng: Random) -> int:
        assert tower.day is not None
        tower.day.finish()
        return self.changed

    def reshaped(self, arrivals: list[Arrival], changed: int) -> Sequence[Arrival]:
        self.changed = changed
        return sorted(arrivals, key=lambda arrival: arrival.received_at_ms)


class SentTwice(InputScenario):
    """Every payload of the day comes once more after its end: no exception is told for it."""

    name: ClassVar[str] = "everything sent twice"
    _ends_at_ms = 0

    def shape(self, arrivals: Sequence[Arrival], rng: Random) -> Sequence[Arrival]:
        shift_ms = arrivals[-1].received_at_ms - arrivals[0].received_at_ms + 1000
        again = [replace(arrival, received_at_ms=arrival.received_at_ms + shift_ms) for arrival in arrivals]
        self._ends_at_ms = arrivals[-1].received_at_ms
        return self.reshaped([*arrivals, *again], len(again))

    def examine(self, tower: FaultTower, day: Day) -> list[str]:
        """What was only due after the end of the day may still be told."""
        late_ms = self._ends_at_ms + _STILL_DUE_MS
        opened = live_openings(tower.brokers)
        return [
            tell(o) for o in sorted(opened) if epoch_ms_of(datetime.fromisoformat(o.detected_at)) > late_ms
        ]


class Duplicates(InputScenario):
    """One payload in twenty comes again within the lateness: a duplicate changes nothing."""

    name: ClassVar[str] = "5 % duplicates"

    def shape(self, arrivals: Sequence[Arrival], rng: Random) -> Sequence[Arrival]:
        again = [
            replace(arrival, received_at_ms=arrival.received_at_ms + rng.randrange(100, 60_000))
            for arrival in arrivals
            if rng.random() < 0.05
        ]
        return self.reshaped([*arrivals, *again], len(again))


class Disorder(InputScenario):
    """A third of the payloads is held up to 80 s, one in fifty up to an hour: live equals its replay."""

    name: ClassVar[str] = "disorder and lateness"

    def shape(self, arrivals: Sequence[Arrival], rng: Random) -> Sequence[Arrival]:
        held = [self._hold(arrival, rng) for arrival in arrivals]
        changed = sum(one != other for one, other in zip(held, arrivals, strict=True))
        return self.reshaped(held, changed)

    def _hold(self, arrival: Arrival, rng: Random) -> Arrival:
        dice = rng.random()
        hold_ms = rng.randrange(3_600_000) if dice < 0.02 else rng.randrange(80_000) if dice < 0.35 else 0
        return replace(arrival, received_at_ms=arrival.received_at_ms + hold_ms)


class NormalizeStopped(Scenario):
    """normalize stands still for more than 6 minutes of the day while the others run: no false silence, and
    no stop is told as left out, out of order or late whose scan is only behind."""

    name: ClassVar[str] = "normalize stopped, backlog"
    day_s = 60.0
    _STOP_S = 4.0

    def inject(self, tower: FaultTower, kafka: RealKafka, rng: Random) -> int:
        tower.pause_while_flowing(10)
        assert tower.day is not None
        assert tower.day.speed * self._STOP_S > 360, "the stop must last 6 minutes of the day"
        for number, restarts in enumerate((False, True, False)):
            pid = tower.stage_pids()["normalize"]
            os.kill(pid, signal.SIGSTOP)
            tower.pause_while_flowing(self._STOP_S)
            os.kill(pid, signal.SIGCONT)
            if restarts:
                tower.kill_stage("normalize")
            tower.wait_for_work()
            tower.pause_while_flowing(2.0 * number)
        return 3

    def examine(self, tower: FaultTower, day: Day) -> list[str]:
        return [*false_alarms(tower.brokers, day), *false_by_scans(tower.brokers, day)]


class TopicsSentAgain(Scenario):
    """All intake topics are appended to themselves, byte by byte, as a mirror that starts anew does."""

    name: ClassVar[str] = "intake topics sent again as they are"
    _opened: frozenset[Opening] | set[Opening] = frozenset()

    def inject(self, tower: FaultTower, kafka: RealKafka, rng: Random) -> int:
        assert tower.day is not None
        tower.day.finish()
        assert count_owed(tower.brokers, self.catch_up_s) == 0, "the day is not worked off"
        self._opened = live_openings(tower.brokers)
        outs = [
            Out(r.topic, r.key, r.value, r.partition, r.headers) for r in read_topic(tower.brokers, _INTAKE)
        ]
        return produce_all(tower.brokers, outs)

    def examine(self, tower: FaultTower, day: Day) -> list[str]:
        return [tell(opening) for opening in sorted(live_openings(tower.brokers) - self._opened)]
