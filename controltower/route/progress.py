"""Where on the path a fix puts the vehicle: one step from one Progress to the next."""

from __future__ import annotations

import math
from typing import Any, Final

from controltower.route.driving import drive_on, leave
from controltower.route.evidence import NOT_DRIVING, Fix, Progress, Samples
from controltower.route.limits import Limits
from controltower.route.plan import RoutePlan

#: Looking back this far allows for noise and a short reversal.
_BACK_M: Final = 200.0
_AHEAD_M: Final = 150.0
#: A vehicle that turns round may be this much further back for each second since it was on its path.
_BACK_MPS: Final = 20.0
#: Fixes in a row on another part of the path until progress moves there.
_ELSEWHERE_FIXES: Final = 3
_SAMPLE_MS: Final = 5 * 60_000
#: A fix with better accuracy than this does not widen the corridor.
_GOOD_ACCURACY_M: Final = 20.0
#: Silences longer than this say nothing about the usual rhythm.
_LONGEST_GAP_MS: Final = 10 * 60_000
_CADENCE_WEIGHT: Final = 8
#: More gaps than these say no more.
_MOST_GAPS: Final = 99
#: A stop counts as passed this far behind it.
_PASSED_M: Final = 20.0
#: The last stop counts as reached this far before it: vehicles park short of it.
_FINISH_M: Final = 60.0


def advance(now: Progress, plan: RoutePlan, fix: Fix, x: float, y: float, limits: Limits) -> Progress:
    """Fold one fix that is not older than `now`; x, y: its place in the frame of the plan, metres."""
    along, off, width, elsewhere = _locate(now, plan, fix, x, y, limits)
    departed, reached = now.departed_ms, now.reached_m
    at: Any = fix.at_ms  # compiled, a number would be made anew for each of its places
    on_path_at: Any = now.on_path_at_ms
    next_stop = now.next_stop
    if off <= width and not elsewhere:
        if departed:
            if along > reached:
                reached = along
            elif _is_back_at_start(plan, along, reached, limits):
                departed, reached, next_stop = 0, along, 0
        elif _has_left(plan, along, reached if on_path_at else along, limits):
            departed, reached = fix.at_ms, along
        elif not on_path_at or along < reached:
            reached = along  # it comes up to its first stop, maybe from further down its own path
        on_path_at = at
    last = len(plan.stops) - 1
    if next_stop >= last or (departed and reached >= plan.stops_along_m[next_stop] + _PASSED_M):
        next_stop = _next_stop(next_stop, plan, reached, departed, x, y)
    if not departed:
        slip = max(0, fix.at_ms - plan.stops[0].departure_ms)  # what is already past the planned departure
    else:  # against the frozen plan, + late
        slip = round(fix.at_ms - plan.planned_ms_at(along)) if on_path_at else 0
    cadence, gaps = rhythm(now, fix)
    samples = now.samples
    if fix.at_ms - samples.mid_at_ms >= _SAMPLE_MS:
        samples = _sample(samples, fix.at_ms, slip, along)
    driving = now.driving
    if not departed:
        driving = NOT_DRIVING
    elif next_stop != now.next_stop or not driving.free_ms:
        driving = leave(driving, plan, fix.at_ms, now.next_stop, next_stop, reached)
    elif not driving.reached_ms and next_stop <= last:
        took = fix.at_ms - now.at_ms
        ahead_m = plan.stops_along_m[next_stop] - reached
        driving = drive_on(driving, fix.at_ms, took, took - slip + now.slip_ms, ahead_m)
    along_m: Any = along
    reached_m: Any = along_m if reached == along else reached
    return Progress(
        at,
        along_m,
        off,
        on_path_at,
        reached_m,
        next_stop,
        departed,
        elsewhere,
        cadence,
        gaps,
        slip,
        samples,
        width,
        driving,
    )


def _has_left(plan: RoutePlan, along_m: float, hindmost_m: float, limits: Limits) -> bool:
    """True once it moved on from its hindmost place, or where it is first seen far down its path."""
    first_m = plan.stops[0].along_m
    moved_on = along_m >= max(first_m, hindmost_m) + limits.departed_m
    return moved_on or along_m >= first_m + limits.return_m


def _is_back_at_start(plan: RoutePlan, along_m: float, reached_m: float, limits: Limits) -> bool:
    """True where a vehicle that had not got far is at its first stop again: it had only waited elsewhere."""
    first_m = plan.stops[0].along_m
    return along_m < first_m + limits.departed_m and reached_m < first_m + limits.return_m


def _sample(was: Samples, at_ms: int, slip_ms: int, along_m: float) -> Samples:
    if not was.mid_at_ms:
        return Samples(at_ms, slip_ms, along_m, at_ms, slip_ms, along_m)
    return Samples(was.mid_at_ms, was.mid_slip_ms, was.mid_along_m, at_ms, slip_ms, along_m)


def _locate(
    now: Progress, plan: RoutePlan, fix: Fix, x: float, y: float, limits: Limits
) -> tuple[float, float, float, int]:
    """(along_m, off_m, width_m, fixes in a row on another part of the path). Off the path, along_m stays.

    width_m: half of the corridor, wider where the accuracy of the fix is bad.
    """
    path, width = plan.path, limits.corridor_m
    if fix.accuracy_m > _GOOD_ACCURACY_M:
        width += 2.0 * (fix.accuracy_m - _GOOD_ACCURACY_M)
    if not now.on_path_at_ms:
        along, off = path.project(x, y, 0.0, path.length_m, plan.planned_m_at(fix.at_ms))
        return along, off, width + plan.spare_m_at(along), 0
    since_s = (fix.at_ms - now.on_path_at_ms) / 1000
    if since_s < 0.0:
        since_s = 0.0
    low, high = now.along_m - _BACK_M, now.along_m + limits.fastest_mps * since_s + _AHEAD_M
    along, off = path.project(x, y, low, high, now.along_m)
    if plan.spare_m:
        width += plan.spare_m_at(along)
    if off <= width:
        return along, off, width, 0
    if plan.has_path:
        there, off_there = path.project(x, y, 0.0, path.length_m, now.along_m)
        if off_there <= limits.corridor_m * limits.corridor_clear_share:
            if now.along_m - _BACK_M - _BACK_MPS * since_s < there < now.along_m:
                return there, off_there, width, 0  # it drives back along its path
            if now.elsewhere + 1 >= _ELSEWHERE_FIXES:
                return there, off_there, width, 0
            return now.along_m, off_there, width, now.elsewhere + 1
    return now.along_m, off, width, 0


def rhythm(now: Progress, fix: Fix) -> tuple[int, int]:
    """Usual time between fixes (ms, exponential mean) and how many gaps it rests on."""
    before_ms, cadence, gaps = now.at_ms, now.cadence_ms, now.gaps
    gap = fix.at_ms - before_ms
    if not before_ms or gap <= 0 or gap > _LONGEST_GAP_MS:
        return cadence, gaps
    if not gaps:
        return gap, 1
    return cadence + (gap - cadence) // _CADENCE_WEIGHT, gaps + 1 if gaps < _MOST_GAPS else gaps


def _next_stop(index: int, plan: RoutePlan, reached_m: float, departed_ms: int, x: float, y: float) -> int:
    """Index of the first stop not yet passed; len(stops) when the last one is reached.

    Before departure none is passed. The last stop may lie beside the end of the path, so being near it
    counts as well.
    """
    last = len(plan.stops) - 1
    if last and not departed_ms:
        return index
    while index < last and reached_m >= plan.stops[index].along_m + _PASSED_M:
        index += 1
    if index < last:
        return index
    end = plan.stops[last]
    arrived = reached_m >= end.along_m - _FINISH_M or math.hypot(x - end.x, y - end.y) <= _FINISH_M
    return last + 1 if arrived else index
