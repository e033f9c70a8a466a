"""LONG_HALT: the vehicle stands where nothing is planned while its signal is fresh.

Opens after 10 min (or what is usual at this hour, where that is longer) at one place that is no planned
stop, depot or permitted break, and not within 150 m of the last stop. Clears when it has left that place
by more than 150 m (two fixes), which `standing` decides.
"""

from __future__ import annotations

import math

from controltower.detect.excess_dwell import find_stop
from controltower.detect.habits import ROAD, blend_ms, hour_key
from controltower.detect.rule import Observation, Verdict, Wake
from controltower.route.evidence import Dwell, Halt
from controltower.route.limits import Limits
from controltower.route.plan import Learned
from schemas.vocabulary import ExceptionCode

CODE = ExceptionCode.LONG_HALT
WAKES = Wake.STILL


def step(was: Halt, dwell: Dwell, seen: Observation) -> Halt:
    """Fold one observation; what is told as a dwell is not told as a halt as well."""
    standing = seen.standing
    if was.on:
        if standing.since_ms == was.since_ms and seen.underway:
            return Halt(True, was.since_ms, standing.seen_ms, was.limit_ms)
        return Halt(False, was.since_ms, seen.fix.at_ms)
    if seen.stood_ms < seen.limits.halt_ms or not seen.parked:
        return was
    if dwell.on and dwell.since_ms == standing.since_ms:
        return was
    at_stop = find_stop(seen.plan, standing, seen.progress.next_stop, seen.limits) >= 0
    if at_stop or _at_terminal(seen) or seen.plan.in_break(seen.fix.at_ms):
        return was
    allowed_ms = limit_ms(standing.since_ms, seen.plan.learned, seen.limits)
    if seen.stood_ms < allowed_ms:
        return was
    return Halt(True, standing.since_ms, standing.seen_ms, allowed_ms)


def _at_terminal(seen: Observation) -> bool:
    """Near the last stop, and not on the way out of a round that ends where it began."""
    last, standing, limits = seen.plan.stops[-1], seen.standing, seen.limits
    if last.along_m - seen.progress.reached_m >= limits.last_leg_m:
        return False
    return math.hypot(last.x - standing.x, last.y - standing.y) <= limits.terminal_m


def limit_ms(since_ms: int, learned: Learned, limits: Limits) -> int:
    """How long a vehicle may stand on the road: 10 min, or what is usual at this hour where that is more."""
    usual = learned.get(hour_key(ROAD, since_ms))
    return blend_ms(usual, limits.halt_ms, limits.halt_ms, limits)


def verdict(memory: Halt) -> Verdict:
    """Active since the vehicle came to stand; clear since it was seen elsewhere."""
    if memory.on:
        metrics: dict[str, float | str] = {
            "halt_s": (memory.until_ms - memory.since_ms) / 1000,
            "limit_s": memory.limit_ms / 1000,
        }
        return Verdict(True, memory.since_ms, None, metrics)
    return Verdict(False, memory.until_ms)
