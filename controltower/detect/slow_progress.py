"""SLOW_PROGRESS: over 15 min the vehicle covers less than 40 % of what its plan covers in that time.

Looked at every 5 min. A vehicle that stands (that is a halt, a dwell or a break), is off its path, was not
seen for a while or is not late is not slow. Clears once it covers 60 % in 5 min.
"""

from __future__ import annotations

from typing import Final

from controltower.detect.rule import Observation, Verdict, Wake
from controltower.route.evidence import Slow
from schemas.vocabulary import ExceptionCode

CODE = ExceptionCode.SLOW_PROGRESS
WAKES = Wake.CADENCE

_IDLE: Final = Slow()


def step(was: Slow, seen: Observation, astray: bool) -> Slow:
    """Fold one look; `astray` while a detour or a drive backwards is on."""
    at_ms, along = seen.fix.at_ms, seen.progress.along_m
    standing, limits = seen.standing, seen.limits
    stood_ms = standing.seen_ms - standing.since_ms
    unseen = at_ms - was.at_ms > 2 * limits.slow_every_ms
    stands = stood_ms >= limits.slow_every_ms or seen.plan.in_break(at_ms)
    if not seen.underway or astray or unseen or stands:
        return Slow(at_ms=at_ms, along_m=along, until_ms=at_ms if was.on else was.until_ms)
    marks = (was.at_ms, was.along_m, was.mid_ms, was.mid_m)
    if was.on:
        if _share(seen, was.at_ms, was.along_m) < limits.slow_clear_share:
            share = _share(seen, was.old_ms, was.old_m) if was.old_ms else was.share
            return Slow(at_ms, along, *marks, True, was.since_ms, at_ms, share)
        return Slow(at_ms, along, *marks, False, was.since_ms, at_ms)
    if was.old_ms and seen.progress.slip_ms >= limits.slow_slip_ms:
        share = _share(seen, was.old_ms, was.old_m)
        if share < limits.slow_open_share:
            return Slow(at_ms, along, *marks, True, was.old_ms, at_ms, share)
    return Slow(at_ms, along, *marks, until_ms=was.until_ms)


def _share(seen: Observation, from_ms: int, from_m: float) -> float:
    """Of the time since then, how much the plan would have needed for the way since then."""
    plan = seen.plan
    covered_ms = plan.planned_ms_at(seen.progress.along_m) - plan.planned_ms_at(from_m)
    return covered_ms / max(1, seen.fix.at_ms - from_ms)


def verdict(memory: Slow) -> Verdict:
    """Active since the beginning of the 15 min; clear since it was fast enough again."""
    if not memory.on:
        return Verdict(False, memory.until_ms)
    metrics: dict[str, float | str] = {
        "progress_share": round(memory.share, 3),
        "slow_s": (memory.until_ms - memory.since_ms) / 1000,
    }
    return Verdict(True, memory.since_ms, None, metrics)
