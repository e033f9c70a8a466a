"""ROUTE_OVERLOADED: the route will probably not be done by the end of its shift.

Woken by scores. Opens where P(all remaining stops done by then), as a mean over time (route/steadied.py),
is 0.5 or less, clears after 10 min above 0.7. Only routes with parcels have a load; a timetable trip may end
late without one.
"""

from __future__ import annotations

from typing import Final

from controltower.detect.rule import Verdict, Wake
from controltower.route.answers import Steadied, Thresholds
from controltower.route.limits import Limits
from controltower.route.timeline import from_ms
from schemas.vocabulary import ExceptionCode

CODE = ExceptionCode.ROUTE_OVERLOADED
WAKES = Wake.SCORE


#: There is one level only.
_NEVER: Final = 2.0


def thresholds(limits: Limits) -> Thresholds:
    """Of P(not done by the end of the shift)."""
    return Thresholds(
        1.0 - limits.done_open,
        1.0 - limits.done_clear,
        _NEVER,
        _NEVER,
        limits.score_memory_ms,
        limits.score_low_ms,
        limits.reorder_ms,
    )


def verdict(steadied: Steadied, p_done: float, stops_left: int, ends_ms: int) -> Verdict:
    """Active with the probability that it is done by the end of the shift (ms), by the last answer.

    confidence: the mean that decides. cut_off: that end; work can be taken off the route until then.
    """
    if not steadied.on:
        return Verdict(False, steadied.since_ms)
    metrics: dict[str, float | str] = {
        "p_done": round(p_done, 4),
        "confidence": round(steadied.mean, 4),
        "stops_left": float(stops_left),
        "cut_off": from_ms(ends_ms).isoformat(),
    }
    return Verdict(True, steadied.since_ms, None, metrics)
