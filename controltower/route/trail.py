"""Fold a fix into the trail of a route, in whatever order fixes come.

Within the reorder window a late fix is put in its place: what comes after it is folded again, so the end
is the same as if it had come in order. A fix older than the window changes no snapshot.
"""

from __future__ import annotations

from enum import Enum, auto

from controltower.detect.fold import fold_fix
from controltower.route.evidence import Fix, Progress, Snapshot
from controltower.route.fixes import fixes_from, open_fixes, pack_fix, pack_fixes
from controltower.route.limits import Limits
from controltower.route.packed import taken_at_ms
from controltower.route.plan import RoutePlan
from controltower.route.snapshots import Trail


class Took(Enum):
    """What became of a fix."""

    IN_ORDER = auto()
    REORDERED = auto()
    DUPLICATE = auto()
    TOO_LATE = auto()


def take_fix(trail: Trail, plan: RoutePlan | None, fix: Fix, limits: Limits) -> Took:
    """Fold `fix` into the trail."""
    if fix.at_ms <= trail.newest_ms:
        return _put_in_place(trail, plan, fix, limits)
    trail.fixes = trail.fixes + pack_fix(fix)
    trail.newest_ms = fix.at_ms
    oldest_ms = fix.at_ms - limits.reorder_ms
    if plan is None:
        trail.fixes = fixes_from(trail.fixes, oldest_ms)
        return Took.IN_ORDER
    _fold(trail, plan, fix, limits)
    if trail.settles_ms < oldest_ms:
        trail.settle(oldest_ms)
    return Took.IN_ORDER


def _put_in_place(trail: Trail, plan: RoutePlan | None, fix: Fix, limits: Limits) -> Took:
    """A fix that is no newer than the newest."""
    fixes, base_at = open_fixes(trail.fixes), taken_at_ms(trail.kept[0])
    if any(known.at_ms == fix.at_ms for known in fixes):
        return Took.DUPLICATE
    if fix.at_ms <= max(base_at, trail.newest_ms - limits.reorder_ms):
        return Took.DUPLICATE if fix.at_ms == base_at else Took.TOO_LATE
    at = next(i for i, known in enumerate(fixes) if known.at_ms > fix.at_ms)
    fixes.insert(at, fix)
    trail.fixes = pack_fixes(fixes)
    trail.go_back(fix.at_ms)
    if plan is not None:
        fold_on(trail, plan, limits)
    return Took.REORDERED


def restart(trail: Trail, plan: RoutePlan, limits: Limits) -> None:
    """A plan came, or a new version of it: progress starts anew at the fixes still at hand."""
    before = trail.now.progress
    progress = Progress(cadence_ms=before.cadence_ms, gaps=before.gaps, departed_ms=before.departed_ms)
    trail.begin_from(Snapshot(progress=progress, slipping=trail.now.slipping))
    fold_on(trail, plan, limits)


def fold_on(trail: Trail, plan: RoutePlan, limits: Limits) -> None:
    """The fixes behind `trail.now`."""
    folded_ms = trail.now.progress.at_ms
    for fix in open_fixes(trail.fixes):
        if fix.at_ms > folded_ms:
            _fold(trail, plan, fix, limits)


def _fold(trail: Trail, plan: RoutePlan, fix: Fix, limits: Limits) -> None:
    """One more fix. A snapshot is kept half a window after the one before: what is between costs memory, and
    a late fix at most two more folds."""
    trail.now = fold_fix(trail.now, plan, fix, limits)
    if fix.at_ms - trail.kept_last_ms >= limits.reorder_ms // 2:
        trail.keep()
