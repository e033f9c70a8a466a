"""How fast the vehicle drives where nothing holds it up, and how long it stays at stops: one step per fix.

What it drives freely between two fixes, without a light, a jam or a stop, says the most about this driver and
the traffic of the day: how long it waits is chance. On simulated days it tells the product of the two to 5 %
after an hour, the slip per hour to 9 %.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from controltower.route.evidence import Driving
from controltower.route.plan import RoutePlan

#: This far before a stop the vehicle has come to it.
_NEAR_M: Final = 30.0
#: A stay beyond so many times the service and a minute is trouble and no habit.
_LONGEST_STAY: Final = 3
_ALLOWED_MS: Final = 60_000
#: Between two fixes this far apart driving is free where the vehicle got on by these shares of what it got on
#: freely so far. What lies further off is a light or a jump of the fixes, and counts for an eighth, so that
#: who is slow all day is found to be slow; beyond the outer shares it is none of it.
_SHORTEST_MS: Final = 5_000
_LONGEST_MS: Final = 60_000
_FREE_FROM: Final = 0.7
_FREE_UNTIL: Final = 1.6
_LEAST: Final = 0.3
_MOST: Final = 3.0
_DOUBTED: Final = 8
#: To begin with it is as if it had driven freely for a minute, faster than planned: plans include the lights.
_BEGIN: Final = Driving(free_ms=60_000, planned_ms=78_000)


def drive_on(was: Driving, at_ms: int, took_ms: int, planned_ms: int, ahead_m: float) -> Driving:
    """Fold one fix on the way to the next stop, `ahead_m` before it, of a vehicle that has departed.

    took_ms, planned_ms: since the fix before, and for what it got on meanwhile.
    """
    if ahead_m <= _NEAR_M:
        return replace(was, reached_ms=at_ms)
    if not _SHORTEST_MS <= took_ms <= _LONGEST_MS:
        return was
    free_ms, free_planned_ms = was.free_ms, was.planned_ms
    usual, got_on = took_ms * free_planned_ms, planned_ms * free_ms
    if not _FREE_FROM * usual <= got_on <= _FREE_UNTIL * usual:
        if not _LEAST * usual <= got_on <= _MOST * usual:
            return was
        took_ms, planned_ms = took_ms // _DOUBTED, planned_ms // _DOUBTED
    return Driving(0, was.stayed_ms, was.service_ms, free_ms + took_ms, free_planned_ms + planned_ms)


def leave(was: Driving, plan: RoutePlan, at_ms: int, first: int, next_stop: int, reached_m: float) -> Driving:
    """The stops from `first` on, up to `next_stop`, are behind it; or it has only just departed."""
    if not was.free_ms:
        return _BEGIN
    stops, stayed_ms, service_ms, reached_ms = plan.stops, 0, 0, 0
    if was.reached_ms:
        stayed_ms = at_ms - was.reached_ms
    for i in range(first or 1, next_stop):
        service_ms += stops[i].service_ms
    if stayed_ms > _LONGEST_STAY * service_ms + _ALLOWED_MS:
        stayed_ms = service_ms = 0
    if next_stop < len(stops) and reached_m >= plan.stops_along_m[next_stop] - _NEAR_M:
        reached_ms = at_ms
    return Driving(
        reached_ms, was.stayed_ms + stayed_ms, was.service_ms + service_ms, was.free_ms, was.planned_ms
    )
