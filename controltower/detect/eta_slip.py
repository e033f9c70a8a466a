"""ETA_SLIP: the route runs 15, 30 or 60 min behind its frozen plan. Each level is one step more severe.

Looked at when a fix that is 10 min late is a minute later or earlier than at the last look, or every 5 min; a
level is told in 2 looks running, and left 5 min below it (the first one below 10 min). Measured against the
plan's arrivals, which the promises rest on, never against the last ETA. It is told where nothing else tells
it: not beside SLA_AT_RISK, SLA_BREACHED or LATE_DEPARTURE of the same route.
"""

from __future__ import annotations

from typing import Final

from controltower.detect.rule import Verdict, Wake
from controltower.route.evidence import Slipping
from controltower.route.limits import Limits
from schemas.vocabulary import ExceptionCode

CODE = ExceptionCode.ETA_SLIP
WAKES = Wake.LOOK
#: What tells of the slip already.
TOLD_BY: Final = (ExceptionCode.SLA_AT_RISK, ExceptionCode.SLA_BREACHED, ExceptionCode.LATE_DEPARTURE)


def step(was: Slipping, at_ms: int, slip_ms: int, limits: Limits) -> Slipping:
    """Fold one fix of a vehicle that is `slip_ms` late, or was at the last look."""
    if slip_ms < limits.slip_clear_ms:
        return Slipping(at_ms, slip_ms, 0, at_ms) if was.level else _settled(was)
    moved = abs(slip_ms - was.slip_ms) > limits.score_slack_ms
    if was.at_ms and not moved and at_ms - was.at_ms < limits.score_every_ms:
        return was
    opens = (limits.slip_open_ms, limits.slip_worse_ms, limits.slip_worst_ms)
    margin_ms = limits.slip_open_ms - limits.slip_clear_ms
    reached = sum([slip_ms >= each for each in opens])
    kept = sum([slip_ms >= each - margin_ms for each in opens])
    above = was.above + 1 if reached > was.level else 0
    above_since_ms = at_ms if above == 1 else was.above_since_ms
    if above >= limits.slip_looks:
        return Slipping(at_ms, slip_ms, reached, was.since_ms if was.level else above_since_ms)
    level = min(was.level, kept)
    return Slipping(at_ms, slip_ms, level, was.since_ms, above, above_since_ms)


def _settled(was: Slipping) -> Slipping:
    """On time, but for when that began."""
    return Slipping(0, 0, 0, was.since_ms) if was.at_ms else was


def verdict(slipping: Slipping, slip_ms: int) -> Verdict:
    """Active since it was seen first."""
    if not slipping.level:
        return Verdict(False, slipping.since_ms)
    metrics: dict[str, float | str] = {"slip_s": slip_ms / 1000, "level": float(slipping.level)}
    return Verdict(True, slipping.since_ms, None, metrics)
