"""SEQUENCE_BREAK: the plan's order is not kept. The metric `manner` says how.

`reversed`: the vehicle drives its path backwards, 4 fixes in a row over at least 90 s and 300 m, and not
just back to its first stop, nor where its path comes back by the same street, so that it may as well have
driven on. The line between stops that stands in for a path says nothing of directions. Clears when it goes
forward again. `order`: a stop was served before one that
was due earlier, and some promise is no longer kept by the present ETA. Clears when the stops left out are
served or the plan is updated.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from controltower.detect.rule import Observation, Verdict, Wake
from controltower.route.evidence import Reversal
from controltower.route.planned_stop import PlannedStop
from schemas.vocabulary import ExceptionCode

CODE = ExceptionCode.SEQUENCE_BREAK
WAKES = Wake.BACKWARD | Wake.SERVED

_STOPS_TOLD: Final = 8
#: A path may go on for this long before it turns back, since a fix in between may lack.
_TURN_M: Final = 500.0


def step(was: Reversal, seen: Observation, moved_m: float) -> Reversal:
    """Fold one fix that lies `moved_m` further along the path than the one before (negative: behind)."""
    at_ms, limits = seen.fix.at_ms, seen.limits
    if was.on:
        if moved_m > limits.reversal_step_m or not seen.underway:
            return Reversal(until_ms=at_ms)
        return Reversal(True, was.fixes, was.since_ms, at_ms, was.back_m - min(0.0, moved_m))
    far = seen.progress.reached_m >= seen.plan.stops[0].along_m + limits.return_m
    if not seen.underway or not far or moved_m > limits.reversal_step_m:
        return Reversal(until_ms=was.until_ms)
    if moved_m > -limits.reversal_step_m:
        return was
    if _may_have_driven_on(seen, was.back_m - moved_m):
        return Reversal(until_ms=was.until_ms)
    fixes, back_m = was.fixes + 1, was.back_m - moved_m
    since_ms = was.since_ms if was.fixes else at_ms
    on = (
        fixes >= limits.reversal_fixes
        and back_m >= limits.reversal_m
        and at_ms - since_ms >= limits.reversal_ms
    )
    return Reversal(on, fixes, since_ms, at_ms, back_m)


def _may_have_driven_on(seen: Observation, back_m: float) -> bool:
    """The path passes here again, no further ahead than it can be after this much of it."""
    plan, reached_m = seen.plan, seen.progress.reached_m
    if not plan.has_path:
        return True
    ahead_m = reached_m + 2 * back_m + _TURN_M
    there_m, off_m = plan.path.project(seen.x, seen.y, reached_m, ahead_m, reached_m)
    return there_m > reached_m and off_m <= seen.limits.corridor_m * seen.limits.corridor_clear_share


def verdict_of_way(memory: Reversal) -> Verdict:
    """Active since the first fix on the way back."""
    if not memory.on:
        return Verdict(False, memory.until_ms)
    return Verdict(True, memory.since_ms, None, {"manner": "reversed", "back_m": round(memory.back_m, 1)})


def find_left_out(
    stops: Sequence[PlannedStop], served: int, settled: int, fewest_after: int
) -> tuple[int, ...]:
    """Stops with parcels that no scan served, while at least `fewest_after` later ones are `settled`: served,
    and all scans that were received before are there."""
    after = 0
    left_out = []
    for i in range(len(stops) - 1, -1, -1):
        if settled >> i & 1:
            after += 1
        elif after >= fewest_after and stops[i].shipments and not served >> i & 1:
            left_out.append(i)
    return tuple(reversed(left_out))


def verdict_of_order(
    stops: Sequence[PlannedStop], left_out: Sequence[int], slack_ms: int | None, now_ms: int
) -> Verdict:
    """slack_ms: the least slack of the promises still open, by the present ETA."""
    if not left_out or slack_ms is None or slack_ms >= 0:
        return Verdict(False, now_ms)
    metrics: dict[str, float | str] = {
        "manner": "order",
        "stops_left_out": float(len(left_out)),
        "slack_s": slack_ms / 1000,
        "stops": ",".join(stops[i].stop_id for i in left_out[:_STOPS_TOLD]),
    }
    return Verdict(True, now_ms, None, metrics)
