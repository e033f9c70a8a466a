"""What contradicts itself in a plan, judged on whatever of it can be read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import available_timezones


class StopRead(NamedTuple):
    """What can be read of a stop and where it stands; a field that is missing or wrong is None."""

    place: int
    stop_id: str | None
    sequence: int | None
    planned_arrival: datetime | None
    planned_departure: datetime | None
    window_from: datetime | None
    window_to: datetime | None
    promised_by: datetime | None
    zone: str | None


def find_contradictions(
    stops: Sequence[StopRead], departs_at: datetime | None, ends_by: datetime | None
) -> Iterator[str]:
    """Every contradiction as `field: rule`; a time that could not be read is not judged."""
    if departs_at and ends_by and ends_by < departs_at:
        yield "the record: ends_by before departs_at"
    sequences = [stop.sequence for stop in stops if stop.sequence is not None]
    if any(after <= before for before, after in pairwise(sequences)):
        yield "the record: stops must come in growing sequence"
    stop_ids = [stop.stop_id for stop in stops if stop.stop_id is not None]
    if len(set(stop_ids)) != len(stop_ids):
        yield "the record: stop_id must be unique within a plan"
    for stop in stops:
        yield from (f"stops.{stop.place}: {rule}" for rule in _judge_stop(stop, departs_at, ends_by))


def _judge_stop(stop: StopRead, departs_at: datetime | None, ends_by: datetime | None) -> Iterator[str]:
    if stop.planned_arrival and stop.planned_departure and stop.planned_departure < stop.planned_arrival:
        yield "planned_departure before planned_arrival"
    if stop.window_from and stop.window_to and stop.window_to < stop.window_from:
        yield "window_to before window_from"
    if stop.window_to and departs_at and stop.window_to < departs_at:
        yield "window_to before departs_at"
    if stop.window_from and ends_by and stop.window_from > ends_by:
        yield "window_from after ends_by"
    if stop.promised_by and stop.window_from and stop.promised_by < stop.window_from:
        yield "promised_by before window_from"
    if stop.zone and "/" in stop.zone and stop.zone not in _time_zones():
        yield "zone is written like a time zone, and there is none of that name"


@lru_cache(maxsize=1)
def _time_zones() -> frozenset[str]:
    return frozenset(available_timezones())
