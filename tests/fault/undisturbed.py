"""What a day leads to when nothing disturbs it: the offline replay of its payloads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from agents.app import build_offline_stages
from controltower.offline.pipeline import Pipeline, SteppedClock
from controltower.settings import load_settings
from controltower.simulate.day import Day
from controltower.streaming.client import read_topic
from controltower.streaming.stage import Record
from schemas import wire
from schemas.topics import EXCEPTIONS
from schemas.vocabulary import ExceptionCode, Transition
from tests.fault.day import PARTITIONS

#: What is told because nothing came: a clock that is wrong, or ahead of a backlog, shows here first.
BY_THE_CLOCK = (ExceptionCode.SIGNAL_LOST, ExceptionCode.LATE_DEPARTURE)
#: What is told because a scan of a parcel is not there: a partition that lags shows here.
BY_SCANS = (ExceptionCode.STOP_SKIPPED, ExceptionCode.SEQUENCE_BREAK, ExceptionCode.SLA_BREACHED)


class Opening(NamedTuple):
    """When which exception was opened."""

    code: str
    home: str
    detected_at: str


def openings(records: Iterable[Record]) -> set[Opening]:
    """All exceptions that were opened."""
    found = set()
    for record in records:
        told = wire.decode_any(record.value) if record.topic == EXCEPTIONS and record.value else None
        if isinstance(told, wire.ExceptionRecord) and told.transition is Transition.OPENED:
            found.add(Opening(told.code.value, told.home, told.detected_at.isoformat()))
    return found


def live_openings(brokers: str) -> set[Opening]:
    """The same of what the tower has told so far."""
    return openings(read_topic(brokers, [EXCEPTIONS]))


def false_alarms(brokers: str, day: Day, codes: Sequence[str] = BY_THE_CLOCK) -> list[str]:
    """Exceptions of these codes that only the live tower has, and not the undisturbed day."""
    false = live_openings(brokers) - _undisturbed(day)
    return [tell(opening) for opening in sorted(false) if opening.code in codes]


def false_by_scans(brokers: str, day: Day) -> list[str]:
    """Exceptions for want of a scan, of subjects that have none such on the undisturbed day: what waits for
    scans is told later where they lag, so the moment is not compared."""
    true = {(opening.code, opening.home) for opening in _undisturbed(day)}
    told = sorted(opening for opening in live_openings(brokers) if opening.code in BY_SCANS)
    return [tell(opening) for opening in told if (opening.code, opening.home) not in true]


def _undisturbed(day: Day) -> set[Opening]:
    clock = SteppedClock()
    pipeline = Pipeline(build_offline_stages(load_settings({}), clock.now_ms), PARTITIONS, clock)
    return openings(pipeline.run(day.plans, day.arrivals))


def tell(opening: Opening) -> str:
    return f"false: {opening.code} of {opening.home} at {opening.detected_at}"
