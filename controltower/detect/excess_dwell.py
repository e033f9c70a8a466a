"""EXCESS_DWELL: the vehicle stays at a planned stop longer than its service explains.

The limit is the planned service plus what is usual beyond it at this kind of stop, carrier and hour (the
q95, see habits.py); without a history 3 x the planned service; at least 8 min. Waiting for the planned
arrival does not count, depots and breaks never do. Clears on departure.
"""

from __future__ import annotations

from controltower.detect.habits import blend_ms, hour_key
from controltower.detect.rule import Observation, Verdict, Wake
from controltower.route.evidence import Dwell, Halt, Standing
from controltower.route.limits import Limits
from controltower.route.plan import Learned, RoutePlan
from controltower.route.planned_stop import PlannedStop
from schemas.vocabulary import ExceptionCode

CODE = ExceptionCode.EXCESS_DWELL
WAKES = Wake.STILL


def find_stop(plan: RoutePlan, standing: Standing, next_stop: int, limits: Limits) -> int:
    """Index of the planned stop at which the vehicle stands, or -1; only the next few stops count."""
    stops, near = plan.stops, limits.stop_radius_m
    first = max(0, next_stop - 2)
    best, best_m = -1, near * near
    for i in range(first, min(first + 5, len(stops))):
        dx, dy = stops[i].x - standing.x, stops[i].y - standing.y
        squared = dx * dx + dy * dy
        if squared <= best_m:
            best, best_m = i, squared
    return best


def limit_ms(stop: PlannedStop, learned: Learned, limits: Limits) -> int:
    """How long a vehicle may stand here: the planned service and what is usual beyond it."""
    prior_ms = max(limits.dwell_floor_ms, round(limits.dwell_service_share * stop.service_ms))
    usual = learned.get(hour_key(stop.kind.value, stop.arrival_ms))
    beyond_ms = blend_ms(usual, prior_ms - stop.service_ms, 0, limits)
    return max(limits.dwell_floor_ms, stop.service_ms + beyond_ms)


def step(was: Dwell, halt: Halt, seen: Observation) -> Dwell:
    """Fold one observation; what is told as a halt is not told as a dwell as well."""
    standing = seen.standing
    if was.on:
        if standing.since_ms == was.since_ms and seen.underway:
            return Dwell(True, was.stop, was.since_ms, standing.seen_ms, was.limit_ms)
        return Dwell(False, was.stop, was.since_ms, seen.fix.at_ms, was.limit_ms)
    if seen.stood_ms < seen.limits.dwell_floor_ms or not seen.parked:
        return was
    if halt.on and halt.since_ms == standing.since_ms:
        return was
    index = find_stop(seen.plan, standing, seen.progress.next_stop, seen.limits)
    if index < 0 or seen.plan.stops[index].may_rest or seen.plan.in_break(seen.fix.at_ms):
        return was
    stop = seen.plan.stops[index]
    allowed_ms = limit_ms(stop, seen.plan.learned, seen.limits)
    if standing.seen_ms - max(standing.since_ms, stop.arrival_ms) < allowed_ms:
        return was
    return Dwell(True, index, standing.since_ms, standing.seen_ms, allowed_ms)


def verdict(memory: Dwell, stops: tuple[PlannedStop, ...]) -> Verdict:
    """Active since arrival at the stop; clear since it was left."""
    stop_id = stops[memory.stop].stop_id if 0 <= memory.stop < len(stops) else None
    if not memory.on:
        return Verdict(False, memory.until_ms, stop_id)
    metrics: dict[str, float | str] = {
        "dwell_s": (memory.until_ms - memory.since_ms) / 1000,
        "limit_s": memory.limit_ms / 1000,
    }
    return Verdict(True, memory.since_ms, stop_id, metrics)
