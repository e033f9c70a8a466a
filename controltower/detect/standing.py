"""Does the vehicle stand still, and since when? The evidence that LONG_HALT and EXCESS_DWELL share; it needs
no plan.

A parked tracker wanders: fixes scatter around one place with single jumps far off, so one fix away
means nothing. A vehicle in crawling traffic moves on: the running mean falls behind and the fixes
leave it. Leaving takes 3 fixes in a row beyond the radius or 2 beyond twice of it; once the vehicle
stands long enough to be reported, 2 beyond the exit radius. How fast it moves right now is the pace.
"""

from __future__ import annotations

import math
from typing import Any, Final

from controltower.detect.motion import weight_of
from controltower.detect.rule import silence_limit_ms
from controltower.route.evidence import Progress, Standing
from controltower.route.limits import Limits

_NEAR_EXITS: Final = 3
_FAR_EXITS: Final = 2
#: The mean forgets slowly: at 30 s between fixes it spans 20 min.
_MEAN_FIXES: Final = 40


def settle(was: Standing, before: Progress, x: float, y: float, now: Any, limits: Limits) -> Standing:
    """Fold one fix (metres in the plan's frame, `now` in whole ms); `before`: what the fixes until then say.

    A silence beyond the tracker's limit breaks an unreported standing: a dead tracker is not a halt. One
    function without calls or objects between, since every fix passes it.
    """
    at: int = now
    fixes, since, seen = was.fixes, was.since_ms, was.seen_ms
    if not fixes:
        return Standing(x, y, 1, at, at, 0, 0.0, 0.0, 0, x, y, float(at))
    trail_x, trail_y, trail_ms = was.trail_x, was.trail_y, was.trail_ms
    weight = weight_of(at - before.at_ms, before.cadence_ms, limits)
    trail_x += (x - trail_x) * weight
    trail_y += (y - trail_y) * weight
    trail_ms += (at - trail_ms) * weight
    mean_x, mean_y, near_m = was.x, was.y, limits.standing_radius_m
    away, away_ms = 0, 0
    away_x: Any = 0.0  # compiled, a float would be made anew for each route
    away_y: Any = 0.0
    dx, dy = x - mean_x, y - mean_y
    distance = math.sqrt(dx * dx + dy * dy)
    reported = seen - since >= limits.halt_ms
    radius = limits.standing_exit_m if reported else near_m
    silent_ms, stays = at - seen, reported and distance <= near_m
    if silent_ms > limits.silence_ms and not stays and _is_too_long(silent_ms, before, limits):
        mean_x, mean_y, fixes, since, seen = x, y, 1, at, at
    elif distance <= near_m:
        fixes, seen = fixes + 1, at
        share = 1.0 / (fixes if fixes < _MEAN_FIXES else _MEAN_FIXES)
        mean_x += dx * share
        mean_y += dy * share
    elif distance <= radius:  # it does not pull the mean
        seen = at
    else:
        away, needed = was.away + 1, _FAR_EXITS if reported or distance > 2 * radius else _NEAR_EXITS
        away_x, away_y, away_ms = (was.away_x, was.away_y, was.away_ms) if away > 1 else (x, y, at)
        if away >= needed:
            mean_x, mean_y, fixes, since, seen = x, y, 1, at, at
            if away > 1 and math.hypot(x - away_x, y - away_y) <= near_m:
                mean_x, mean_y, fixes, since = (x + away_x) / 2, (y + away_y) / 2, 2, away_ms
            away, away_x, away_y, away_ms = 0, 0.0, 0.0, 0
    seen_at: Any = now if seen == at else seen  # so would a number for each of its places
    return Standing(
        mean_x, mean_y, fixes, since, seen_at, away, away_x, away_y, away_ms, trail_x, trail_y, trail_ms
    )


def _is_too_long(silent_ms: int, before: Progress, limits: Limits) -> bool:
    """For a tracker of this rhythm."""
    return silent_ms > silence_limit_ms(before.cadence_ms, before.gaps, limits)
