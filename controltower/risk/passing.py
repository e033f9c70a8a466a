"""When a vehicle was at its stops, from its fixes: straight on between the fix before a stop and the one
after it. It looks at the whole trip, so it only serves as the truth that a model is held against."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from controltower.route.evidence import Fix, Progress
from controltower.route.limits import Limits
from controltower.route.plan import RoutePlan
from controltower.route.progress import advance

Floats = NDArray[np.float64]
#: Nearer than this a vehicle is at a stop: half the length of a bus bay and the noise of a fix.
_AT_STOP_M = 25.0
#: Across a longer silence nobody knows when a stop was passed.
_LONGEST_GAP_MS = 5 * 60_000


def passing_ms(plan: RoutePlan, fixes: Sequence[Fix], limits: Limits) -> Floats:
    """Arrival at each stop of the plan (ms), NaN where the fixes do not tell; the first stop has none."""
    arrivals = np.full(len(plan.stops), math.nan)
    now, before, at = Progress(), Progress(), 1
    for fix in sorted({fix.at_ms: fix for fix in fixes}.values(), key=lambda fix: fix.at_ms):
        now = advance(before, plan, fix, *plan.frame.to_xy(fix.lat, fix.lon), limits)
        if before.departed_ms and not now.departed_ms:
            arrivals[:], at = math.nan, 1  # it had only waited elsewhere
        elif now.departed_ms:
            while at < len(plan.stops) and now.reached_m >= plan.stops[at].along_m - _AT_STOP_M:
                arrivals[at] = _between(before, now, plan.stops[at].along_m - _AT_STOP_M)
                at += 1
        before = now
    return arrivals


def _between(before: Progress, now: Progress, along_m: float) -> float:
    gap_ms = now.at_ms - before.at_ms
    if not before.on_path_at_ms or gap_ms > _LONGEST_GAP_MS:
        return math.nan
    way_m = now.reached_m - before.reached_m
    share = (along_m - before.reached_m) / way_m if way_m > 0 else 1.0
    return before.at_ms + gap_ms * min(1.0, max(0.0, share))
