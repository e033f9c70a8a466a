"""A day's intake, copied to many routes at once: what carriers and planners would send."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import msgspec

from controltower.gtfs.folder import read_recorded_day
from controltower.gtfs.positions import FEED
from controltower.intake import Arrival, Payload
from controltower.offline.intake_records import arrival_record, mark_records, plan_records, planned_end_ms
from controltower.offline.timeline import MARK_EVERY_MS, PLANS_AHEAD_MS, Mark, with_marks
from controltower.simulate.day import simulate_day
from controltower.streaming.stage import Out
from schemas.wire import Plan
from tests.bench.delayed import delayed

PARTITIONS = 4
#: The copies of a route come one after the other, over as long as a status or a question may wait, so that
#: these do not all fall due at once: those of a fleet do not, either.
_APART_MS = 300_000
#: Two minutes behind the last copy it has been found on its path, and was asked about once.
OPENING_MS = _APART_MS + 120_000


@dataclass(slots=True, frozen=True)
class CopiedDay:
    """Plans, and payloads in order of arrival; what came before `measured_from_ms` belongs to the opening.

    A `whole` day ends 7 h behind its last plan, so that all that was open is resolved; a part of one ends
    with its last report, since a peak knows no such end.
    """

    plans: Sequence[Plan]
    arrivals: Sequence[Payload]
    measured_from_ms: int
    whole: bool = True

    @property
    def opens_at_ms(self) -> int:
        return self.arrivals[0].received_at_ms - PLANS_AHEAD_MS

    @property
    def measured(self) -> int:
        """The number of reports behind the opening."""
        return sum(arrival.received_at_ms >= self.measured_from_ms for arrival in self.arrivals)

    @property
    def reports_per_s(self) -> float:
        """As the day was behind the opening, all copies together."""
        lasted_ms = self.arrivals[-1].received_at_ms - self.measured_from_ms
        return self.measured / lasted_ms * 1000

    def planned(self) -> Iterator[Out]:
        """The first mark and the plans, which stand in the state before anything is reported."""
        yield from mark_records(Mark(self.opens_at_ms), PARTITIONS)
        yield from plan_records(self.plans, self.opens_at_ms)

    def opening(self) -> Iterator[Out]:
        """Behind the plans, the reports by which their routes are underway."""
        yield from self._outs(event for event in self._events() if _at_ms(event) < self.measured_from_ms)

    def reports(self) -> Iterator[Out]:
        """Reports and marks behind the opening."""
        yield from self._outs(event for event in self._events() if _at_ms(event) >= self.measured_from_ms)

    def _events(self) -> Iterator[Payload | Mark]:
        for event in with_marks(self.arrivals, planned_end_ms(self.plans)):
            if self.whole or not (isinstance(event, Mark) and event.tail):
                yield event

    def _outs(self, events: Iterable[Payload | Mark]) -> Iterator[Out]:
        for event in events:
            if isinstance(event, Mark):
                yield from mark_records(event, PARTITIONS)
            else:
                yield arrival_record(event, PARTITIONS)


def _at_ms(event: Payload | Mark) -> int:
    return event.at_ms if isinstance(event, Mark) else event.received_at_ms


def copied_day(gtfs: Path | None, copies: int, minutes: int | None = None) -> CopiedDay:
    """The recorded day, every copy on trips and vehicles of its own and somewhat later than the one before;
    None: a simulated day, once.

    minutes: only so much from its middle, after an opening of `OPENING_MS`, and only the routes underway
    then. Many copies of few minutes are a peak: more vehicles, and time as fast as ever.
    """
    if gtfs is None:
        simulated = simulate_day(1)
        span = _span_of(simulated.arrivals, minutes)
        return CopiedDay(
            list(simulated.plans), _within(span, simulated.arrivals), span.begins_ms, minutes is None
        )
    day = read_recorded_day(gtfs)
    recorded = list(day.arrivals())
    span = _span_of(recorded, minutes)
    copies_of_all = (copy for arrival in _within(span, recorded) for copy in _copies_of(arrival, copies))
    arrivals = sorted(_within(span, copies_of_all), key=lambda arrival: arrival.received_at_ms)
    underway = {_trip_of(arrival) for arrival in arrivals}
    plans = [
        _copy_plan(plan, copy, copies)
        for plan in day.plans
        for copy in range(copies)
        if _trip_name(_trip_id_of(plan), copy) in underway
    ]
    return CopiedDay(plans, arrivals, span.begins_ms, minutes is None)


class _Span(NamedTuple):
    """When the opening begins, and the measured part, and when all is over."""

    opens_ms: int
    begins_ms: int
    ends_ms: int


def _span_of(arrivals: Sequence[Payload], minutes: int | None) -> _Span:
    first_ms, last_ms = arrivals[0].received_at_ms, arrivals[-1].received_at_ms
    if minutes is None:
        return _Span(first_ms, first_ms, last_ms + _APART_MS + 1)
    begins_ms = ((first_ms + last_ms) // 2 - minutes * 30_000) // MARK_EVERY_MS * MARK_EVERY_MS
    return _Span(begins_ms - OPENING_MS, begins_ms, begins_ms + minutes * 60_000)


def _within(span: _Span, arrivals: Iterable[Payload]) -> list[Payload]:
    return [arrival for arrival in arrivals if span.opens_ms <= arrival.received_at_ms < span.ends_ms]


def _later_ms(copy: int, copies: int) -> int:
    """How much later than recorded."""
    return copy * _APART_MS // copies


def _copy_plan(plan: Plan, copy: int, copies: int) -> Plan:
    date = plan.route_id.rpartition("@")[2]
    by = timedelta(seconds=_later_ms(copy, copies) // 1000)
    return msgspec.structs.replace(
        delayed(plan, by), route_id=f"{_trip_name(_trip_id_of(plan), copy)}@{date}"
    )


def _trip_id_of(plan: Plan) -> str:
    return plan.route_id.rpartition("@")[0]


def _trip_name(trip_id: str, copy: int) -> str:
    """Of a copy of a trip."""
    return f"{trip_id}#{copy}"


def _trip_of(arrival: Payload) -> str | None:
    found: str | None = msgspec.json.decode(arrival.payload)["vehicle"]["trip"].get("trip_id")
    return found


def _copies_of(arrival: Payload, copies: int) -> Iterator[Payload]:
    assert arrival.feed == FEED
    entity = msgspec.json.decode(arrival.payload)
    trip, vehicle = entity["vehicle"]["trip"], entity["vehicle"]["vehicle"]
    trip_id, vehicle_id, at_s = trip.get("trip_id"), vehicle["id"], int(entity["vehicle"]["timestamp"])
    for copy in range(copies):
        later_ms = _later_ms(copy, copies)
        entity["vehicle"]["timestamp"] = at_s + later_ms // 1000
        vehicle["id"] = f"{vehicle_id}#{copy}"
        if trip_id is not None:
            trip["trip_id"] = _trip_name(trip_id, copy)
        payload = msgspec.json.encode(entity)
        yield Arrival(arrival.received_at_ms + later_ms, vehicle["id"].encode(), payload, FEED)
