"""LONG_HALT: the vehicle stands where nothing is planned while its signal is fresh.

Opens after 10 min at one place that is no planned stop, depot or permitted break. Clears when it has
left that place by more than 150 m (two fixes), which `standing` decides.
"""

from __future__ import annotations

from controltower.detect.excess_dwell import find_stop
from controltower.detect.rule import Observation, Verdict, Wake
from controltower.route.evidence import Dwell, Halt
from schemas.vocabulary import ExceptionCode

CODE = ExceptionCode.LONG_HALT
WAKES = Wake.STILL


def step(was: Halt, dwell: Dwell, seen: Observation) -> Halt:
    """Fold one observation; what is told as a dwell is not told as a halt as well."""
    standing = seen.standing
    if was.on:
        if standing.since_ms == was.since_ms and seen.underway:
            return Halt(True, was.since_ms, standing.seen_ms)
        return Halt(False, was.since_ms, seen.fix.at_ms)
    if seen.stood_ms < seen.limits.halt_ms or not seen.parked:
        return was
    if dwell.on and dwell.since_ms == standing.since_ms:
        return was
    if seen.plan.in_break(seen.fix.at_ms) or find_stop(seen) >= 0:
        return was
    return Halt(True, standing.since_ms, standing.seen_ms)


def verdict(memory: Halt) -> Verdict:
    """Active since the vehicle came to stand; clear since it was seen elsewhere."""
    if memory.on:
        return Verdict(True, memory.since_ms, None, {"halt_s": (memory.until_ms - memory.since_ms) / 1000})
    return Verdict(False, memory.until_ms)
