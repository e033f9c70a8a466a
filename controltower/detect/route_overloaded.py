"""ROUTE_OVERLOADED: the route will probably not be done by the end of its shift.

Woken by scores. Opens when P(all remaining stops done by then) is below 0.5 in 2 evaluations running, clears
above 0.7 in 2 running. Only routes with parcels have a load; a timetable trip may end late without one.
"""

from __future__ import annotations

from controltower.detect.rule import Verdict, Wake
from controltower.route.limits import Limits
from controltower.route.state import Load
from schemas.vocabulary import ExceptionCode

CODE = ExceptionCode.ROUTE_OVERLOADED
WAKES = Wake.SCORE


def step(load: Load, p_done: float, now_ms: int, limits: Limits) -> None:
    """Count one evaluation."""
    if p_done < limits.done_open and not load.high:
        load.high_since_ms = now_ms
    load.high = load.high + 1 if p_done < limits.done_open else 0
    load.low = load.low + 1 if p_done > limits.done_clear else 0
    load.p_done = p_done
    if not load.on and load.high >= limits.done_evaluations:
        load.on, load.since_ms = True, load.high_since_ms
    elif load.on and load.low >= limits.done_evaluations:
        load.on, load.since_ms = False, now_ms


def verdict(load: Load, stops_left: int) -> Verdict:
    """Active with the probability that it is done in time."""
    if not load.on or load.p_done is None:
        return Verdict(False, load.since_ms)
    metrics: dict[str, float | str] = {"p_done": round(load.p_done, 4), "stops_left": float(stops_left)}
    return Verdict(True, load.since_ms, None, metrics)
