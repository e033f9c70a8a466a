"""ROUTE_DEVIATION (detour): the vehicle is outside the corridor around its planned path.

Opens after 3 fixes in a row over at least 80 s outside (2 fixes from a sparse tracker): a canyon of a
minute and a single jump are neither. Clears after 2 fixes within 0.8 of the corridor. Where the plan
has no path, the corridor is drawn around the line through its stops, as wide as roads stray on a leg of
that length, and the metrics say so.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from typing import Final

import msgspec

from controltower.detect.rule import Observation, Verdict, Wake
from controltower.route.evidence import Detour
from controltower.route.plan import RoutePlan
from schemas.vocabulary import ExceptionCode

CODE = ExceptionCode.ROUTE_DEVIATION
WAKES = Wake.ASTRAY

_IDLE: Final = Detour()
_AHEAD_M: Final = 300.0


def step(was: Detour, seen: Observation) -> Detour:
    """Fold one observation."""
    progress = seen.progress
    if was.on:
        return _step_on(was, seen)
    if progress.elsewhere:
        return was
    if not seen.underway or not progress.on_path_at_ms:
        return _IDLE if was.outside else was
    if progress.off_m <= progress.width_m:
        return _forget(was) if was.outside and _is_back(seen) else was
    if _drifts(was, seen):
        return was
    outside = was.outside + 1
    since = was.since_ms or seen.fix.at_ms
    sparse = progress.cadence_ms >= seen.limits.sparse_cadence_ms
    needed = seen.limits.detour_sparse_fixes if sparse else seen.limits.detour_fixes
    on = outside >= needed and seen.fix.at_ms - since >= seen.limits.detour_ms
    slip = was.slip_ms if was.outside else progress.slip_ms
    left_at = was.left_at_m if was.outside else progress.along_m
    return _outside(seen, on, outside, 0, since, was.furthest_m, left_at, slip)


def _forget(was: Detour) -> Detour:
    """A fix inside takes one outside back, so that a detour that touches the path is still one."""
    outside = was.outside - 1
    if not outside or was.inside:
        return _IDLE
    return msgspec.structs.replace(was, outside=outside, inside=1)


def _drifts(was: Detour, seen: Observation) -> bool:
    """Parked at the edge of the corridor since before it was first seen outside: its tracker wanders."""
    standing = seen.standing
    settled = standing.seen_ms - standing.since_ms >= seen.limits.detour_ms
    return settled and not standing.away and standing.since_ms < (was.since_ms or seen.fix.at_ms)


def _step_on(was: Detour, seen: Observation) -> Detour:
    inside = was.inside + 1 if _is_back(seen) else 0
    on = seen.underway and inside < seen.limits.detour_clear_fixes
    return _outside(seen, on, was.outside, inside, was.since_ms, was.furthest_m, was.left_at_m, was.slip_ms)


def _is_back(seen: Observation) -> bool:
    """Clearly inside: at the edge of the corridor a fix says nothing, neither before nor after opening."""
    return seen.progress.off_m < seen.progress.width_m * seen.limits.corridor_clear_share


def _outside(
    seen: Observation,
    on: bool,
    outside: int,
    inside: int,
    since_ms: int,
    furthest_m: float,
    left_at_m: float,
    slip_ms: int,
) -> Detour:
    """The memory after a fix outside, or one back inside; what it costs is measured from the nearest place
    ahead of where it left."""
    progress, at_ms, stops = seen.progress, seen.fix.at_ms, seen.plan.stops
    ahead_m = seen.limits.fastest_mps * (at_ms - since_ms) / 1000 + _AHEAD_M
    near_m, _ = seen.plan.path.project(seen.x, seen.y, left_at_m, left_at_m + ahead_m, left_at_m)
    after = stops[min(progress.next_stop, len(stops) - 1)]
    next_m = math.hypot(after.x - seen.x, after.y - seen.y)
    furthest_m = max(furthest_m, progress.off_m)
    counts = (outside, inside) if on or not inside else (0, 0)
    return Detour(on, *counts, since_ms, at_ms, furthest_m, left_at_m, slip_ms, near_m, next_m)


def verdict(memory: Detour, plan: RoutePlan) -> Verdict:
    """Active since the first fix outside; clear since the vehicle was back. Both with where it left, how
    far and how long it was away, and what that costs against the plan so far."""
    if not memory.since_ms:
        return Verdict(False, memory.until_ms)
    slip_ms = memory.until_ms - plan.planned_ms_at(memory.near_m)
    metrics: dict[str, float | str] = {
        "deviation_m": round(memory.furthest_m, 1),
        "left_at_m": round(memory.left_at_m, 1),
        "off_path_s": (memory.until_ms - memory.since_ms) / 1000,
        "cost_min": round(max(0.0, slip_ms - memory.slip_ms) / 60_000, 1),
        "basis": "path" if plan.has_path else "stops",
    }
    if not plan.has_path:
        metrics |= _against_the_usual(memory, plan)
    return Verdict(memory.on, memory.since_ms if memory.on else memory.until_ms, None, metrics)


def _against_the_usual(memory: Detour, plan: RoutePlan) -> dict[str, float | str]:
    """The next stop: how far it is, and how far and how long its leg usually is."""
    after = min(max(1, bisect_left(plan.stops_along_m, memory.left_at_m)), len(plan.stops) - 1)
    behind, ahead = plan.stops[after - 1], plan.stops[after]
    return {
        "next_stop_m": round(memory.next_stop_m, 1),
        "leg_m": round(math.hypot(ahead.x - behind.x, ahead.y - behind.y), 1),
        "leg_usual_s": (ahead.arrival_ms - behind.departure_ms) / 1000,
    }
