"""Fold a fix into the trail of a route, in whatever order fixes come.

Within the reorder window a late fix is put in its place: the snapshots after it are folded again, so the
end is the same as if it had come in order. A fix older than the window changes no snapshot.
"""

from __future__ import annotations

from enum import Enum, auto

from controltower.detect.fold import fold_fix
from controltower.route.evidence import Fix
from controltower.route.limits import Limits
from controltower.route.plan import RoutePlan
from controltower.route.state import RouteState, Trail


class Took(Enum):
    """What became of a fix."""

    IN_ORDER = auto()
    REORDERED = auto()
    DUPLICATE = auto()
    TOO_LATE = auto()


def take_fix(state: RouteState, trail: Trail, plan: RoutePlan | None, fix: Fix, limits: Limits) -> Took:
    """Fold `fix` into state and trail."""
    tail = state.tail
    base_at = state.base.progress.at_ms
    if tail and fix.at_ms <= tail[-1].at_ms:
        if any(known.at_ms == fix.at_ms for known in tail):
            return Took.DUPLICATE
        if fix.at_ms <= max(base_at, tail[-1].at_ms - limits.reorder_ms):
            return Took.DUPLICATE if fix.at_ms == base_at else Took.TOO_LATE
        at = next(i for i, known in enumerate(tail) if known.at_ms > fix.at_ms)
        tail.insert(at, fix)
        del trail.after[at:]
        rebuild(state, trail, plan, limits)
        return Took.REORDERED
    if fix.at_ms <= base_at:
        return Took.DUPLICATE if fix.at_ms == base_at else Took.TOO_LATE
    tail.append(fix)
    if plan is not None:
        after = trail.after
        after.append(fold_fix(after[-1] if after else state.base, plan, fix, limits))
    if tail[0].at_ms < fix.at_ms - limits.reorder_ms:
        _settle_old(state, trail, limits)
    return Took.IN_ORDER


def rebuild(state: RouteState, trail: Trail, plan: RoutePlan | None, limits: Limits) -> None:
    """Fold the fixes of the tail that have no snapshot yet. Without a plan nothing is folded."""
    if plan is None:
        return
    for fix in state.tail[len(trail.after) :]:
        trail.after.append(fold_fix(trail.newest(state), plan, fix, limits))


def restart(state: RouteState, trail: Trail, plan: RoutePlan, limits: Limits) -> None:
    """A plan came, or a new version of it: progress starts anew at the fixes still at hand."""
    before = trail.newest(state).progress
    state.base = type(state.base)(
        progress=type(before)(cadence_ms=before.cadence_ms, gaps=before.gaps, departed_ms=before.departed_ms)
    )
    trail.after.clear()
    rebuild(state, trail, plan, limits)


def _settle_old(state: RouteState, trail: Trail, limits: Limits) -> None:
    """Fixes older than the window become the base: nothing can come before them any more."""
    tail, oldest = state.tail, state.tail[-1].at_ms - limits.reorder_ms
    settled = 0
    while tail[settled].at_ms < oldest:
        settled += 1
    if trail.after:
        state.base = trail.after[settled - 1]
        del trail.after[:settled]
    del tail[:settled]
