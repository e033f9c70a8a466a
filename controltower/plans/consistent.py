"""What contradicts itself in a plan whose fields can each be read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from itertools import pairwise
from zoneinfo import available_timezones

from schemas.plan import Stop

#: A stop with the place where it stands in the plan.
PlacedStop = tuple[int, Stop]


def find_contradictions(
    stops: Sequence[PlacedStop], departs_at: datetime | None, ends_by: datetime | None
) -> Iterator[str]:
    """Every contradiction as `field: rule`; a time that could not be read is not judged."""
    if departs_at and ends_by and ends_by < departs_at:
        yield "the record: ends_by before departs_at"
    if any(after.sequence <= before.sequence for (_, before), (_, after) in pairwise(stops)):
        yield "the record: stops must come in growing sequence"
    if len({stop.stop_id for _, stop in stops}) != len(stops):
        yield "the record: stop_id must be unique within a plan"
    for index, stop in stops:
        yield from (f"stops.{index}: {rule}" for rule in _judge_stop(stop, departs_at, ends_by))


def _judge_stop(stop: Stop, departs_at: datetime | None, ends_by: datetime | None) -> Iterator[str]:
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
