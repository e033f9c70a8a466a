"""Does the vehicle stand still, and since when? The evidence that LONG_HALT and EXCESS_DWELL share; it needs
no plan.

A parked tracker wanders: fixes scatter around one place with single jumps far off, so one fix away
means nothing. A vehicle in crawling traffic moves on: the running mean falls behind and the fixes
leave it. Leaving takes 3 fixes in a row beyond the radius or 2 beyond twice of it; once the vehicle
stands long enough to be reported, 2 beyond the exit radius. How fast it moves right now is the pace.
"""

from __future__ import annotations

import math

from controltower.detect.motion import follow
from controltower.route.evidence import Standing
from controltower.route.limits import Limits

_NEAR_EXITS = 3
_FAR_EXITS = 2
#: The mean forgets slowly: at 30 s between fixes it spans 20 min.
_MEAN_FIXES = 40

#: trail_x, trail_y, trail_ms, pace_mps
_Pace = tuple[float, float, float, float]


def settle(
    was: Standing,
    x: float,
    y: float,
    at: int,
    gap_ms: int,
    gap_limit_ms: int,
    memory_ms: float,
    limits: Limits,
) -> Standing:
    """Fold one fix (metres in the plan's frame, `at` in ms) that came `gap_ms` after the one before.

    A silence of more than `gap_limit_ms` breaks an unreported standing: a dead tracker is not a halt.
    """
    if not was.fixes:
        return Standing(x, y, 1, at, at, 0, 0.0, 0.0, 0, x, y, float(at))
    pace = follow(was.trail_x, was.trail_y, was.trail_ms, x, y, at, gap_ms, memory_ms)
    reported = was.seen_ms - was.since_ms >= limits.halt_ms
    dx, dy = x - was.x, y - was.y
    distance = math.sqrt(dx * dx + dy * dy)
    if at - was.seen_ms > gap_limit_ms and not (reported and distance <= limits.standing_radius_m):
        return Standing(x, y, 1, at, at, 0, 0.0, 0.0, 0, *pace)
    radius = limits.standing_exit_m if reported else limits.standing_radius_m
    if distance <= radius:
        return _absorb(was, x, y, at, distance, pace, limits)
    needed = _FAR_EXITS if reported or distance > 2 * radius else _NEAR_EXITS
    return _stray(was, x, y, at, needed, pace, limits)


def _absorb(
    was: Standing, x: float, y: float, at_ms: int, distance: float, pace: _Pace, limits: Limits
) -> Standing:
    """A fix near the mean; one that is only within the exit radius does not pull it."""
    if distance > limits.standing_radius_m:
        return Standing(was.x, was.y, was.fixes, was.since_ms, at_ms, 0, 0.0, 0.0, 0, *pace)
    fixes = was.fixes + 1
    weight = 1.0 / min(fixes, _MEAN_FIXES)
    mean_x, mean_y = was.x + (x - was.x) * weight, was.y + (y - was.y) * weight
    return Standing(mean_x, mean_y, fixes, was.since_ms, at_ms, 0, 0.0, 0.0, 0, *pace)


def _stray(
    was: Standing, x: float, y: float, at_ms: int, needed: int, pace: _Pace, limits: Limits
) -> Standing:
    """A fix away from the mean; so many in a row begin a new standing, where the first of them was."""
    away = was.away + 1
    if away < needed:
        first = (was.away_x, was.away_y, was.away_ms) if was.away else (x, y, at_ms)
        return Standing(was.x, was.y, was.fixes, was.since_ms, was.seen_ms, away, *first, *pace)
    if was.away and math.hypot(x - was.away_x, y - was.away_y) <= limits.standing_radius_m:
        middle = (x + was.away_x) / 2, (y + was.away_y) / 2
        return Standing(*middle, 2, was.away_ms, at_ms, 0, 0.0, 0.0, 0, *pace)
    return Standing(x, y, 1, at_ms, at_ms, 0, 0.0, 0.0, 0, *pace)
