"""A day's intake, copied to many routes at once: what carriers and planners would send."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from controltower.gtfs.folder import read_recorded_day
from controltower.gtfs.positions import FEED
from controltower.intake import Arrival, Payload
from controltower.offline.intake_records import arrival_record, mark_records, plan_records, planned_end_ms
from controltower.offline.timeline import PLANS_AHEAD_MS, Mark, with_marks
from controltower.simulate.day import simulate_day
from controltower.streaming.stage import Out
from schemas.wire import Plan

PARTITIONS = 4


@dataclass(slots=True, frozen=True)
class CopiedDay:
    """Plans, and payloads in order of arrival."""

    plans: Sequence[Plan]
    arrivals: Sequence[Payload]

    @property
    def opens_at_ms(self) -> int:
        return self.arrivals[0].received_at_ms - PLANS_AHEAD_MS

    @property
    def reports_per_s(self) -> float:
        """As the day was, all copies together."""
        lasted_ms = self.arrivals[-1].received_at_ms - self.arrivals[0].received_at_ms
        return len(self.arrivals) / lasted_ms * 1000

    def opening(self) -> Iterator[Out]:
        """The first mark, then the plans: what stands in the topics before the first report."""
        yield from mark_records(Mark(self.opens_at_ms), PARTITIONS)
        yield from plan_records(self.plans, self.opens_at_ms)

    def reports(self) -> Iterator[Out]:
        """Reports and marks, up to the end of the day and 7 h behind it."""
        for event in with_marks(self.arrivals, planned_end_ms(self.plans)):
            if isinstance(event, Mark):
                yield from mark_records(event, PARTITIONS)
            else:
                yield arrival_record(event, PARTITIONS)


def copied_day(gtfs: Path | None, copies: int) -> CopiedDay:
    """The recorded day, every copy on trips and vehicles of its own; None: a simulated day, once."""
    if gtfs is None:
        simulated = simulate_day(1)
        return CopiedDay(simulated.plans, simulated.arrivals)
    day = read_recorded_day(gtfs)
    plans = [_copy_plan(plan, copy) for plan in day.plans for copy in range(copies)]
    arrivals = [_copy_arrival(arrival, copy) for arrival in day.arrivals() for copy in range(copies)]
    return CopiedDay(plans, arrivals)


def _copy_plan(plan: Plan, copy: int) -> Plan:
    trip_id, _, date = plan.route_id.rpartition("@")
    return msgspec.structs.replace(plan, route_id=f"{trip_id}#{copy}@{date}")


def _copy_arrival(arrival: Arrival, copy: int) -> Arrival:
    assert arrival.feed == FEED
    entity = msgspec.json.decode(arrival.payload)
    trip, vehicle = entity["vehicle"]["trip"], entity["vehicle"]["vehicle"]
    vehicle["id"] = f"{vehicle['id']}#{copy}"
    if "trip_id" in trip:
        trip["trip_id"] = f"{trip['trip_id']}#{copy}"
    payload = msgspec.json.encode(entity)
    return Arrival(arrival.received_at_ms, vehicle["id"].encode(), payload, FEED)
