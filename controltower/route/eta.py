"""Estimated arrival at each remaining stop: the schedule plus a slip that fades.

p50 = planned arrival + slip x exp(-horizon / 1 h), not before now. The quantiles widen with the horizon:
sigma = 60 s + 0.13 x horizon, so that 10 % and 90 % lie 1.28 sigma away. One hour and the widths are
measured on a city's bus afternoon, where a slip that fades with one hour beats the schedule and
persisting slip up to an hour ahead.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from controltower.route.plan import RoutePlan
from controltower.route.planned_stop import PlannedStop

_FADE_MS: Final = 3_600_000.0
_SIGMA_BASE_S: Final = 60.0
_SIGMA_SHARE: Final = 0.13
#: The 90 % quantile of a normal distribution, in sigmas.
Z_90: Final = 1.2816
#: Half the width between the 10 % and the 90 % quantile: so many seconds, and so many per second ahead.
SPREAD_S: Final = Z_90 * _SIGMA_BASE_S
SPREAD_SHARE: Final = Z_90 * _SIGMA_SHARE


def estimate_p50s(
    stops: tuple[PlannedStop, ...], which: Sequence[int], slip_ms: int, now_ms: int
) -> list[int]:
    """Median arrival (ms) at each stop in `which` of a vehicle that is `slip_ms` late at `now_ms`."""
    behind = now_ms - slip_ms
    p50s = []
    for i in which:
        arrival = stops[i].arrival_ms
        if arrival <= behind:  # even with all of the slip it would be there by now
            p50s.append(now_ms)
            continue
        p50 = int(arrival + slip_ms * math.exp((behind - arrival) / _FADE_MS))
        p50s.append(p50 if p50 > now_ms else now_ms)
    return p50s


def slip_before_departure(plan: RoutePlan, slip_ms: int, now_ms: int) -> int:
    """A vehicle that has not left yet loses time with the clock."""
    return max(slip_ms, now_ms - plan.stops[0].departure_ms, 0)
