"""SIGNAL_LOST: no fix for 3 x the usual rhythm of the tracker, at least 5 min. A deadline, not a poll.

Silence counts on the clock of the log, from the moment the last fix was received. It is not judged before
departure, after the last stop, nor on the last metres before it. The next fix clears it; a fix that was
taken during the silence shows that the tracker only could not send, and retracts it.
"""

from __future__ import annotations

from controltower.detect.rule import Verdict, Wake, silence_limit_ms
from controltower.route.evidence import Snapshot
from controltower.route.limits import Limits
from controltower.route.plan import RoutePlan
from schemas.vocabulary import ExceptionCode

CODE = ExceptionCode.SIGNAL_LOST
WAKES = Wake.DEADLINE


def due_ms(snapshot: Snapshot, plan: RoutePlan, heard_ms: int, limits: Limits) -> int | None:
    """When the silence becomes an exception, or None where silence means nothing."""
    progress = snapshot.progress
    last = len(plan.stops) - 1
    if not heard_ms or not progress.departed_ms or progress.next_stop > last:
        return None
    if plan.stops[last].along_m - progress.reached_m < limits.last_leg_m:
        return None
    return heard_ms + silence_limit_ms(progress.cadence_ms, progress.gaps, limits)


def earliest_ms(heard_ms: int, limits: Limits) -> int:
    """No silence is told before this, whatever the rhythm of the tracker."""
    return heard_ms + limits.silence_ms


def due_again_ms(heard_ms: int, cadence_ms: int, gaps: int, limits: Limits) -> int:
    """When a vehicle that is heard of no more since then is silent."""
    return heard_ms + silence_limit_ms(cadence_ms, gaps, limits)


def verdict(snapshot: Snapshot, heard_ms: int, due: int) -> Verdict:
    """Active since the last fix."""
    metrics: dict[str, float | str] = {
        "silent_s": (due - heard_ms) / 1000,
        "cadence_s": snapshot.progress.cadence_ms / 1000,
    }
    return Verdict(True, snapshot.progress.at_ms, None, metrics)


def was_only_delayed(onset_ms: int, detected_ms: int, fix_at_ms: int, limits: Limits) -> bool:
    """True where a fix that came after the opening was taken well within the silence."""
    return onset_ms < fix_at_ms < detected_ms - limits.reorder_ms
