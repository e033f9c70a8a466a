"""Fold one fix into a snapshot: progress, standing, then each rule that this fix wakes, in one order."""

from __future__ import annotations

from typing import Any, cast

from controltower.detect import (
    eta_slip,
    excess_dwell,
    long_halt,
    route_deviation,
    sequence_break,
    slow_progress,
)
from controltower.detect.lost_time import settle_lost
from controltower.detect.rule import Observation
from controltower.detect.standing import settle
from controltower.route.evidence import Fix, Snapshot
from controltower.route.limits import Limits
from controltower.route.plan import RoutePlan
from controltower.route.progress import advance


def fold_fix(was: Snapshot, plan: RoutePlan, fix: Fix, limits: Limits) -> Snapshot:
    """The snapshot after one more fix; `fix` is not older than the newest in `was`.

    What wakes the rules: once departed, standing for the shortest of their limits and a fix beyond the
    corridor's least width; a fix behind the one before; five minutes since the last look; ten minutes
    behind the plan; and that one of them holds evidence.
    """
    before = was.progress
    x, y = plan.frame.to_xy(fix.lat, fix.lon)
    progress = advance(before, plan, fix, x, y, limits)
    at_ms, kept = fix.at_ms, cast(Any, progress)
    standing = settle(was.standing, before, x, y, kept.at_ms, limits)  # one number for both, compiled too
    stood_ms = standing.seen_ms - standing.since_ms + limits.report_ms
    departed, detour = progress.departed_ms, was.detour
    long = departed and (stood_ms >= limits.dwell_floor_ms or stood_ms >= limits.halt_ms)
    still = long or was.halt.on or was.dwell.on
    astray = (departed and progress.off_m > limits.corridor_m) or detour.outside > 0 or detour.on
    moved_m = progress.along_m - before.along_m
    back = moved_m < -limits.reversal_step_m or was.reversal.fixes > 0
    look = at_ms - was.slow.at_ms >= limits.slow_every_ms or before.departed_ms != departed
    slipping, slip_ms = was.slipping, progress.slip_ms
    if (slip_ms >= limits.slip_clear_ms or slipping.at_ms) and progress.next_stop < len(plan.stops):
        slipping = eta_slip.step(slipping, at_ms, slip_ms, limits)
    if not (still or astray or back or look):
        return Snapshot(
            progress,
            standing,
            was.halt,
            was.dwell,
            detour,
            was.slow,
            was.reversal,
            slipping,
            was.lost_ms,
        )
    seen = Observation(plan, fix, x, y, progress, standing, limits)
    halt, dwell = was.halt, was.dwell
    if still:
        dwell = excess_dwell.step(dwell, halt, seen)
        halt = long_halt.step(halt, dwell, seen)
    if astray:
        detour = route_deviation.step(detour, seen)
    reversal = sequence_break.step(was.reversal, seen, moved_m) if back else was.reversal
    slow = slow_progress.step(was.slow, seen, astray=detour.on or reversal.on) if look else was.slow
    lost_ms = was.lost_ms
    if was.halt.on or was.dwell.on or was.detour.on:
        lost_ms = settle_lost(was, halt, dwell, detour, plan)
    return Snapshot(progress, standing, halt, dwell, detour, slow, reversal, slipping, lost_ms)
