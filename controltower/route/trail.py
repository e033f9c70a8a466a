"""Fold a fix into the trail of a route, in whatever order fixes come.

Within the reorder window a late fix is put in its place: what comes after it is folded again, so the end
is the same as if it had come in order. A fix older than the window changes no snapshot.
"""

from __future__ import annotations

from enum import Enum, auto

from controltower.detect.fold import fold_fix
from controltower.route.evidence import Fix, Progress, Snapshot
from controltower.route.fixes import add_fix, fixes_from, open_fixes, pack_fixes
from controltower.route.limits import Limits
from controltower.route.packed import open_snapshot, pack_snapshot
from controltower.route.plan import RoutePlan
from controltower.route.state import Kept, RouteState, Trail


class Took(Enum):
    """What became of a fix."""

    IN_ORDER = auto()
    REORDERED = auto()
    DUPLICATE = auto()
    TOO_LATE = auto()


def take_fix(state: RouteState, trail: Trail, plan: RoutePlan | None, fix: Fix, limits: Limits) -> Took:
    """Fold `fix` into state and trail."""
    base_at, newest_ms = trail.base_at_ms, trail.newest_ms
    if fix.at_ms <= newest_ms:
        return _put_in_place(state, trail, plan, fix, limits)
    if fix.at_ms <= base_at:
        return Took.DUPLICATE if fix.at_ms == base_at else Took.TOO_LATE
    state.tail = add_fix(state.tail, fix)
    trail.newest_ms = fix.at_ms
    oldest_ms = fix.at_ms - limits.reorder_ms
    if plan is None:
        state.tail = fixes_from(state.tail, oldest_ms)
        return Took.IN_ORDER
    _fold(trail, plan, fix, limits)
    if trail.kept and trail.kept[0].at_ms < oldest_ms:
        _settle_old(state, trail, oldest_ms)
    return Took.IN_ORDER


def _put_in_place(state: RouteState, trail: Trail, plan: RoutePlan | None, fix: Fix, limits: Limits) -> Took:
    """A fix that is no newer than the newest."""
    fixes, base_at = open_fixes(state.tail), trail.base_at_ms
    if any(known.at_ms == fix.at_ms for known in fixes):
        return Took.DUPLICATE
    if fix.at_ms <= max(base_at, trail.newest_ms - limits.reorder_ms):
        return Took.DUPLICATE if fix.at_ms == base_at else Took.TOO_LATE
    at = next(i for i, known in enumerate(fixes) if known.at_ms > fix.at_ms)
    fixes.insert(at, fix)
    state.tail = pack_fixes(fixes)
    _go_back(state, trail, fix.at_ms)
    _fold_on(state, trail, plan, limits)
    return Took.REORDERED


def rebuild(state: RouteState, trail: Trail, plan: RoutePlan | None, limits: Limits) -> None:
    """Fold the fixes of the tail anew. Without a plan nothing is folded."""
    trail.kept.clear()
    trail.now = open_snapshot(state.base)
    trail.base_at_ms = trail.now.progress.at_ms
    _fold_on(state, trail, plan, limits)


def restart(state: RouteState, trail: Trail, plan: RoutePlan, limits: Limits) -> None:
    """A plan came, or a new version of it: progress starts anew at the fixes still at hand."""
    before = trail.now.progress
    progress = Progress(cadence_ms=before.cadence_ms, gaps=before.gaps, departed_ms=before.departed_ms)
    state.base = pack_snapshot(Snapshot(progress=progress, slipping=trail.now.slipping))
    rebuild(state, trail, plan, limits)


def _fold(trail: Trail, plan: RoutePlan, fix: Fix, limits: Limits) -> None:
    """One more fix. A snapshot is kept half a window after the one before: what is between costs memory, and
    a late fix at most two more folds."""
    now = trail.now = fold_fix(trail.now, plan, fix, limits)
    kept = trail.kept
    last_ms = kept[-1].at_ms if kept else trail.base_at_ms
    if fix.at_ms - last_ms >= limits.reorder_ms // 2:
        kept.append(Kept(fix.at_ms, pack_snapshot(now)))


def _fold_on(state: RouteState, trail: Trail, plan: RoutePlan | None, limits: Limits) -> None:
    """The fixes behind `trail.now`."""
    if plan is None:
        return
    folded_ms = trail.now.progress.at_ms
    for fix in open_fixes(state.tail):
        if fix.at_ms > folded_ms:
            _fold(trail, plan, fix, limits)


def _go_back(state: RouteState, trail: Trail, before_ms: int) -> None:
    """To the newest snapshot that is kept from before that time."""
    kept = trail.kept
    while kept and kept[-1].at_ms > before_ms:
        kept.pop()
    trail.now = open_snapshot(kept[-1].packed if kept else state.base)


def _settle_old(state: RouteState, trail: Trail, oldest_ms: int) -> None:
    """The newest snapshot from before the window becomes the base: nothing can come before it any more."""
    kept = trail.kept
    while kept and kept[0].at_ms < oldest_ms:
        base = kept.pop(0)
        state.base, trail.base_at_ms = base.packed, base.at_ms
    state.tail = fixes_from(state.tail, trail.base_at_ms + 1)
