"""Does the vehicle stand still? The evidence that LONG_HALT and EXCESS_DWELL share; it needs no plan.

A parked tracker wanders: fixes scatter around one place with single jumps far off, so one fix away
means nothing. A vehicle in crawling traffic moves on: the running mean falls behind and the fixes
leave it. Leaving takes 3 fixes in a row beyond the radius or 2 beyond twice of it; once the vehicle
stands long enough to be reported, 2 beyond the exit radius.
"""

from __future__ import annotations

import math

from controltower.route.evidence import Standing
from controltower.route.limits import Limits

_NEAR_EXITS = 3
_FAR_EXITS = 2
#: The mean forgets slowly: at 30 s between fixes it spans 20 min.
_MEAN_FIXES = 40


def settle(was: Standing, x: float, y: float, at_ms: int, gap_limit_ms: int, limits: Limits) -> Standing:
    """Fold one fix (metres in the plan's frame, ms). A silence before it breaks an unreported standing:
    a dead tracker is not a halt."""
    if not was.fixes:
        return Standing(x, y, 1, at_ms, at_ms)
    reported = was.seen_ms - was.since_ms >= limits.halt_ms
    distance = math.hypot(x - was.x, y - was.y)
    if at_ms - was.seen_ms > gap_limit_ms and not (reported and distance <= limits.standing_radius_m):
        return Standing(x, y, 1, at_ms, at_ms)
    radius = limits.standing_exit_m if reported else limits.standing_radius_m
    if distance <= radius:
        return _absorb(was, x, y, at_ms, distance, limits)
    away = was.away + 1
    needed = _FAR_EXITS if reported or distance > 2 * radius else _NEAR_EXITS
    if away < needed:
        if was.away:
            return Standing(
                was.x, was.y, was.fixes, was.since_ms, was.seen_ms, away, was.away_x, was.away_y, was.away_ms
            )
        return Standing(was.x, was.y, was.fixes, was.since_ms, was.seen_ms, away, x, y, at_ms)
    if was.away and math.hypot(x - was.away_x, y - was.away_y) <= limits.standing_radius_m:
        return Standing((x + was.away_x) / 2, (y + was.away_y) / 2, 2, was.away_ms, at_ms)
    return Standing(x, y, 1, at_ms, at_ms)


def _absorb(was: Standing, x: float, y: float, at_ms: int, distance: float, limits: Limits) -> Standing:
    """A fix near the mean; one that is only within the exit radius does not pull it."""
    if distance > limits.standing_radius_m:
        return Standing(was.x, was.y, was.fixes, was.since_ms, at_ms)
    fixes = was.fixes + 1
    weight = 1.0 / min(fixes, _MEAN_FIXES)
    return Standing(was.x + (x - was.x) * weight, was.y + (y - was.y) * weight, fixes, was.since_ms, at_ms)
