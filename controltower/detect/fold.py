"""Fold one fix into a snapshot: progress, standing, then each rule that fixes wake, in one readable order."""

from __future__ import annotations

from controltower.detect import excess_dwell, long_halt, route_deviation
from controltower.detect.rule import Observation, silence_limit_ms
from controltower.detect.standing import settle
from controltower.route.evidence import Fix, Snapshot
from controltower.route.limits import Limits
from controltower.route.plan import RoutePlan
from controltower.route.progress import advance


def fold_fix(was: Snapshot, plan: RoutePlan, fix: Fix, limits: Limits) -> Snapshot:
    """The snapshot after one more fix; `fix` is not older than the newest in `was`."""
    before = was.progress
    progress = advance(before, plan, fix, limits)
    gap_limit = silence_limit_ms(before.cadence_ms, before.gaps, limits)
    standing = settle(was.standing, progress.x, progress.y, fix.at_ms, gap_limit, limits)
    seen = Observation(plan, fix, progress, standing, limits)
    return Snapshot(
        progress,
        standing,
        long_halt.step(was.halt, seen),
        excess_dwell.step(was.dwell, seen),
        route_deviation.step(was.detour, seen),
    )
