"""Is a vehicle moving or parked? Two measures of the same fixes, and neither needs a plan.

*Pace* is for now: how fast the vehicle gets away from where it was. A mean of place and time follows the
fixes and forgets what lies more than a few reports back; the way from it to the present, by the time
between, is a speed in which scatter cancels and a driver who walks around his van stays slow.
`settle` in `standing.py` is for long: since when the fixes stay at one place.

Below 1.2 m/s a vehicle is parked: people seldom walk faster for long. The mean's memory is 1.2 reports, at
least 6 s. Both were chosen on one half of 500 hand-labelled traces of delivery drivers (one fix in 5 s) and
checked on the other; `controltower evaluate motion` runs them on any file.
"""

from __future__ import annotations

import math

import msgspec

from controltower.route.limits import Limits

_LEAST_S = 1.0


class Mean(msgspec.Struct, frozen=True, gc=False):
    """A place and its time: metres in any flat frame, ms."""

    x: float
    y: float
    at_ms: float


def follow(
    x0: float, y0: float, at0_ms: float, x: float, y: float, at_ms: int, since_ms: int, memory_ms: float
) -> tuple[float, float, float, float]:
    """Pull the mean (x0, y0, at0_ms) towards a fix that came `since_ms` after the one before: the new mean,
    and the pace (m/s) from it to the fix.

    The weight of the fix is since / (since + memory): all the more the longer nothing was heard.
    """
    weight = since_ms / (since_ms + memory_ms)
    x0 += (x - x0) * weight
    y0 += (y - y0) * weight
    at0_ms += (at_ms - at0_ms) * weight
    apart_s = (at_ms - at0_ms) / 1000
    way_m = math.sqrt((x - x0) * (x - x0) + (y - y0) * (y - y0))
    return x0, y0, at0_ms, way_m / apart_s if apart_s > _LEAST_S else way_m / _LEAST_S


def memory_ms(cadence_ms: int, limits: Limits) -> float:
    """How far back the mean remembers, for a tracker of this rhythm."""
    reports_ms = limits.pace_memory_reports * cadence_ms
    return reports_ms if reports_ms > limits.pace_memory_ms else limits.pace_memory_ms


def pace_mps(one: Mean, other: Mean) -> float:
    """Speed between two means: of what was before a fix and of what comes after it."""
    apart_s = abs(other.at_ms - one.at_ms) / 1000
    return math.hypot(other.x - one.x, other.y - one.y) / (apart_s if apart_s > _LEAST_S else _LEAST_S)
