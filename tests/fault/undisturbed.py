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


class Opening(NamedTuple):
    """When which exception was opened."""

    code: str
    home: str
    detected_at: str


def openings(records: Iterable[Record]) -> set[Opening]:
    """Of all exceptions but SLA_AT_RISK, which depends on when the model's answers arrive."""
    found = set()
    for record in records:
        told = wire.decode_any(record.value) if record.topic == EXCEPTIONS and record.value else None
        if isinstance(told, wire.ExceptionRecord) and told.transition is Transition.OPENED:
            found.add(Opening(told.code.value, told.home, told.detected_at.isoformat()))
    return {opening for opening in found if opening.code != ExceptionCode.SLA_AT_RISK}


def differing_openings(brokers: str, day: Day, *codes: str) -> list[str]:
    """Exceptions (of these codes; all) that only the live tower or only the undisturbed day has."""
    clock = SteppedClock()
    pipeline = Pipeline(build_offline_stages(load_settings({}), clock.now_ms), PARTITIONS, clock)
    wanted = openings(pipeline.run(day.plans, day.arrivals))
    live = openings(read_topic(brokers, [EXCEPTIONS]))
    return [*_tell("missed", wanted - live, codes), *_tell("false", live - wanted, codes)]


def _tell(what: str, found: set[Opening], codes: Sequence[str]) -> list[str]:
    told = sorted(opening for opening in found if not codes or opening.code in codes)
    return [f"{what}: {opening.code} of {opening.home} at {opening.detected_at}" for opening in told]
