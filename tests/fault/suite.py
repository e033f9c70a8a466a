"""One fault after the other, each on fresh topics with a day of its own, judged at the end."""

from __future__ import annotations

import tempfile
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import ClassVar

from controltower.intake import Arrival
from controltower.simulate.day import Day
from schemas.topics import STAGES
from tests.fault.day import DayStream, small_day
from tests.fault.installation import FaultTower
from tests.fault.judge import Verdict, judge
from tests.fault.mixed import judge_mixed
from tests.fault.readmodel import differing_rows
from tests.fault.table import Row
from tests.integration.tower import fresh_topics
from tests.kafka import RealKafka


class Scenario(ABC):
    """A fault: what is done to a working tower, and what it changes of its surroundings.

    The docstring of each says what must hold beyond the judge: zero lost, zero twice, the read model right.
    """

    name: ClassVar[str]

    #: seconds of wall time over which the day is streamed, unless the fault is over before
    day_s: float = 60.0
    #: how many vans; None: as the suite has it
    vans: ClassVar[int | None] = None
    #: the stages must have read everything so many seconds after the day's end
    catch_up_s: ClassVar[float] = 240.0
    #: a control: one of our mechanisms is out, so the judge must find a loss
    wants_loss: ClassVar[bool] = False
    #: a stage starts anew and tells its log again: nothing may be lost, but twice is as documented
    tells_again: ClassVar[bool] = False
    #: two versions work on the day, and need not decide the same
    mixed: ClassVar[bool] = False
    #: the day flows to its end, and with it every exception
    ends_day: ClassVar[bool] = True
    #: the broker itself is stopped: not with one that somebody else runs
    needs_broker: ClassVar[bool] = False

    @abstractmethod
    def inject(self, tower: FaultTower, kafka: RealKafka, rng: Random) -> int:
        """Break it while the day flows; returns how many times."""

    def settings(self, folder: Path) -> dict[str, str]:
        """Settings of all processes."""
        return {}

    def shape(self, arrivals: Sequence[Arrival], rng: Random) -> Sequence[Arrival]:
        """The payloads of the day as they are to arrive."""
        return arrivals

    def launch(self, tower: FaultTower) -> None:
        """Start what is to run before the day opens."""
        tower.start_worker()

    def examine(self, tower: FaultTower, day: Day) -> list[str]:
        """What else is wrong once the day is over."""
        return []


def run_fault(fault: Scenario, kafka: RealKafka, seed: int, vans: int) -> Row:
    """One scenario from fresh topics to the verdict. Whatever goes wrong stands in the row."""
    fresh_topics(kafka.brokers)
    day = small_day(seed, fault.vans or vans)
    with tempfile.TemporaryDirectory(prefix="controltower-fault-") as folder:
        tower = FaultTower(
            kafka.brokers, f"fault-{uuid.uuid4().hex[:8]}", Path(folder), fault.settings(Path(folder))
        )
        row = Row(fault.name, 0, Verdict(), tower.waits, fault.wants_loss, fault.tells_again, tower.notes)
        try:
            _run(fault, kafka, Random(f"{seed}/{fault.name}"), day, tower, row)
        except Exception as failed:  # one broken scenario must not hide the others
            row.problems.append(f"{type(failed).__name__}: {failed}")
        finally:
            tower.close()
        if not row.passed:
            row.problems.append(tower.tell())
    return row


def _run(fault: Scenario, kafka: RealKafka, rng: Random, day: Day, tower: FaultTower, row: Row) -> None:
    tower.redis.start()
    started = time.monotonic()
    fault.launch(tower)
    tower.wait_until("all partitions are held", tower.all_ready)
    tower.day = DayStream(kafka.brokers, day.plans, fault.shape(day.arrivals, rng), fault.day_s)
    tower.day.start()
    tower.wait_for_work()
    tower.waits.clear()
    row.injected = fault.inject(tower, kafka, rng)
    tower.day.finish()
    tower.notes.append(f"{time.monotonic() - started:.0f} s")
    row.verdict = (judge_mixed if fault.mixed else judge)(kafka.brokers, fault.catch_up_s)
    row.problems += fault.examine(tower, day)
    if fault.wants_loss:
        return
    row.problems += _await_read_model(tower, fault.catch_up_s)
    row.problems += _await_no_lag(tower, fault.catch_up_s)
    if fault.ends_day and row.verdict.unresolved:
        row.problems.append(f"{row.verdict.unresolved} exceptions were never resolved")


def _await_read_model(tower: FaultTower, limit_s: float) -> list[str]:
    """The rows that differ from the topics although there was time to catch up; a few of them."""
    wrong: list[str] = []

    def equal() -> bool:
        wrong[:] = differing_rows(tower.brokers, tower.redis.client)
        return not wrong

    try:
        tower.wait_until("the read model equals the topics", equal, limit_s)
    except AssertionError:
        return [f"{len(wrong)} rows of the read model are wrong", *wrong[:5]]
    return []


def _await_no_lag(tower: FaultTower, limit_s: float) -> list[str]:
    """Stages whose group is behind the ends of its inputs, as Kafka's own tools show it, for so long."""
    return [
        f"the lag of {stage} stays at {tower.lag(stage)}"
        for stage in STAGES
        if not tower.wait_a_while(f"{stage} has no lag", lambda stage=stage: tower.lag(stage) == 0, limit_s)
    ]
