"""The same plan, some time later."""

from __future__ import annotations

from datetime import timedelta

from msgspec.structs import replace

from schemas.wire import Plan


def delayed(plan: Plan, by: timedelta) -> Plan:
    """`plan` with all of its times so much later, but for when it was received."""
    stops = [
        replace(
            stop,
            window_from=stop.window_from and stop.window_from + by,
            window_to=stop.window_to and stop.window_to + by,
            promised_by=stop.promised_by and stop.promised_by + by,
            planned_arrival=stop.planned_arrival + by,
            planned_departure=stop.planned_departure + by,
        )
        for stop in plan.stops
    ]
    breaks = [replace(rest, starts_at=rest.starts_at + by, ends_at=rest.ends_at + by) for rest in plan.breaks]
    departs_at, ends_by = plan.departs_at + by, plan.ends_by + by
    return replace(plan, departs_at=departs_at, ends_by=ends_by, stops=tuple(stops), breaks=tuple(breaks))
