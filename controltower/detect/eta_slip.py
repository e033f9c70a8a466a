"""ETA_SLIP: the route runs 15, 30 or 60 min behind its frozen plan. Each level is one step more severe.

Looked at when the slip moved by a minute or every 5 min; a level is told in 2 looks running, and left 5 min
below it (the first one below 10 min). Measured against the plan's arrivals, which the promises rest on, never
against the last ETA. It is told where nothing else tells it: not beside SLA_AT_RISK, SLA_BREACHED or
LATE_DEPARTURE of the same route.
"""

from __future__ import annotations

from controltower.detect.rule import Verdict, Wake
from controltower.route.limits import Limits
from controltower.route.state import Slip
from schemas.vocabulary import ExceptionCode

CODE = ExceptionCode.ETA_SLIP
WAKES = Wake.LOOK
#: What tells of the slip already.
TOLD_BY = (ExceptionCode.SLA_AT_RISK, ExceptionCode.SLA_BREACHED, ExceptionCode.LATE_DEPARTURE)


def step(slip: Slip, slip_ms: int, now_ms: int, limits: Limits) -> None:
    """Count one look at a route that is `slip_ms` late."""
    opens = (limits.slip_open_ms, limits.slip_worse_ms, limits.slip_worst_ms)
    margin_ms = limits.slip_open_ms - limits.slip_clear_ms
    reached = sum(slip_ms >= each for each in opens)
    kept = sum(slip_ms >= each - margin_ms for each in opens)
    slip.above = slip.above + 1 if reached > slip.level else 0
    if slip.above == 1:
        slip.above_since_ms = now_ms
    if slip.above >= limits.slip_looks:
        slip.since_ms = slip.since_ms if slip.level else slip.above_since_ms
        slip.level, slip.above = reached, 0
    elif kept < slip.level:
        slip.level = kept
        slip.since_ms = slip.since_ms if kept else now_ms


def verdict(slip: Slip, slip_ms: int) -> Verdict:
    """Active since it was seen first."""
    if not slip.level:
        return Verdict(False, slip.since_ms)
    return Verdict(True, slip.since_ms, None, {"slip_s": slip_ms / 1000, "level": float(slip.level)})
