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
from typing import Final, NamedTuple

from controltower.route.limits import Limits

_LEAST_S: Final = 1.0


class Mean(NamedTuple):
    """A place and its time: metres in any flat frame, ms."""

    x: float
    y: float
    at_ms: float


def weight_of(since_ms: int, cadence_ms: int, limits: Limits) -> float:
    """How far the mean goes towards a fix that came so long after the one before, for a tracker of this
    rhythm: since / (since + memory), all the more the longer nothing was heard."""
    memory_ms = limits.pace_memory_reports * cadence_ms
    if memory_ms < limits.pace_memory_ms:
        memory_ms = limits.pace_memory_ms
    return since_ms / (since_ms + memory_ms)


def pace_mps(one: Mean, other: Mean) -> float:
    """Speed between two means: of what was before a fix and of what comes after it."""
    apart_s = abs(other.at_ms - one.at_ms) / 1000
    return math.hypot(other.x - one.x, other.y - one.y) / (apart_s if apart_s > _LEAST_S else _LEAST_S)
