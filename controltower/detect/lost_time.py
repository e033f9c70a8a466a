"""Time that a route has lost to trouble: halts, stays beyond their service, and detours.

It says two things that the slip alone does not: what the rest of the slip is, the pace of this driver and of
these streets, goes on; what a breakdown took does not come again.
"""

from __future__ import annotations

from controltower.route.evidence import Detour, Dwell, Halt, Snapshot
from controltower.route.plan import RoutePlan


def lost_ms(now: Snapshot, plan: RoutePlan) -> int:
    """All of it so far, with what goes on (ms)."""
    return now.lost_ms + _taken_ms(now, plan, halt=now.halt.on, dwell=now.dwell.on, detour=now.detour.on)


def settle_lost(was: Snapshot, halt: Halt, dwell: Dwell, detour: Detour, plan: RoutePlan) -> int:
    """All of it that is over once this fix has ended what goes on in `was` (ms)."""
    over_ms = _taken_ms(
        was,
        plan,
        halt=was.halt.on and not halt.on,
        dwell=was.dwell.on and not dwell.on,
        detour=was.detour.on and not detour.on,
    )
    return was.lost_ms + over_ms


def _taken_ms(now: Snapshot, plan: RoutePlan, *, halt: bool, dwell: bool, detour: bool) -> int:
    """What these have taken. A detour is measured by the slip, so it has what happens on it."""
    if detour:
        return max(0, now.progress.slip_ms - now.detour.slip_ms)
    if now.detour.on:
        return 0
    taken_ms = now.halt.until_ms - now.halt.since_ms if halt else 0
    if dwell and 0 <= now.dwell.stop < len(plan.stops):
        stop = plan.stops[now.dwell.stop]
        began_ms = max(now.dwell.since_ms, stop.arrival_ms)
        taken_ms += max(0, now.dwell.until_ms - began_ms - stop.service_ms)
    return taken_ms
