"""STOP_SKIPPED: two later stops were served by scans, this one was not. Clears when it is served.

One later stop is a change of order, as drivers make them. One exception a route lists the stops.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from controltower.detect.rule import Verdict, Wake
from controltower.route.planned_stop import PlannedStop
from schemas.vocabulary import ExceptionCode

CODE = ExceptionCode.STOP_SKIPPED
WAKES = Wake.SERVED

_STOPS_TOLD: Final = 8


def verdict(stops: Sequence[PlannedStop], skipped: Sequence[int], now_ms: int) -> Verdict:
    """Active with the stops that were left out, in the order of the plan."""
    if not skipped:
        return Verdict(False, now_ms)
    metrics: dict[str, float | str] = {
        "stops_skipped": float(len(skipped)),
        "shipments_left": float(sum(stops[i].shipments for i in skipped)),
        "stops": ",".join(stops[i].stop_id for i in skipped[:_STOPS_TOLD]),
    }
    return Verdict(True, now_ms, None, metrics)
