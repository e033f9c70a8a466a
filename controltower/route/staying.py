"""A vehicle that stood moves on: how long it stood is what limits are learned from."""

from __future__ import annotations

from controltower.detect.excess_dwell import find_stop
from controltower.detect.habits import ROAD, Stay
from controltower.route.evidence import Snapshot
from controltower.route.limits import Limits
from controltower.route.route import Effects, Route


def note_stay(route: Route, before: Snapshot, limits: Limits, effects: Effects) -> None:
    """`before` is what its fixes said until then. Rests and layovers say nothing about service."""
    plan, carrier, standing = route.plan, route.state.carrier, before.standing
    stood_ms = standing.seen_ms - standing.since_ms
    if stood_ms < limits.learned_least_ms or plan is None or carrier is None:
        return
    progress = before.progress
    underway = progress.departed_ms and progress.next_stop < len(plan.stops)
    if not underway or standing.since_ms < progress.departed_ms or plan.in_break(standing.seen_ms):
        return
    index = find_stop(plan, standing, progress.next_stop, limits)
    if index < 0:
        effects.stays.append(Stay(carrier, ROAD, standing.since_ms, stood_ms))
    elif not plan.stops[index].may_rest:
        stop = plan.stops[index]
        served_ms = standing.seen_ms - max(standing.since_ms, stop.arrival_ms)
        beyond_ms = max(0, served_ms - stop.service_ms)
        effects.stays.append(Stay(carrier, stop.kind.value, standing.since_ms, beyond_ms))
