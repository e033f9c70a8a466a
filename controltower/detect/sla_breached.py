"""SLA_BREACHED: a promise ended and the stop was not served. One exception per route, with its stops.

A promise to a customer (a stop with parcels) is a deadline: 2 min after its end, since deliveries are
scanned a little after they happen. A scan that comes later and says that it was served in time takes the stop
off again; where none is left, the exception was never true. A promise at a stop where nothing is delivered is
a timetable, broken 10 min after its end, seen when the vehicle is looked at; a trip that has not left is told
by LATE_DEPARTURE. Latched: only a person or the end of the route closes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from controltower.detect.rule import Verdict, Wake
from controltower.route.limits import Limits
from controltower.route.plan import RoutePlan
from schemas.vocabulary import ExceptionCode

CODE = ExceptionCode.SLA_BREACHED
WAKES = Wake.DEADLINE | Wake.LOOK

_STOPS_TOLD: Final = 8


def due_ms(plan: RoutePlan, left: Sequence[int], after_ms: int, limits: Limits) -> int:
    """When the next promise to a customer is looked at, later than `after_ms`; 0: there is none."""
    wait = limits.breach_wait_ms
    stops = plan.stops
    dues = [p + wait for i in left if stops[i].shipments and (p := stops[i].promised_ms) is not None]
    return min((due for due in dues if due > after_ms), default=0)


def find_missed(plan: RoutePlan, left: Sequence[int], now_ms: int, underway: bool, limits: Limits) -> int:
    """Bits of the stops in `left` whose promise is broken."""
    missed = 0
    for i in left:
        stop = plan.stops[i]
        if stop.promised_ms is None or not (stop.shipments or underway):
            continue
        if now_ms - stop.promised_ms >= (
            limits.breach_wait_ms if stop.shipments else limits.timetable_breach_ms
        ):
            missed |= 1 << i
    return missed


def verdict(missed: int, plan: RoutePlan, now_ms: int) -> Verdict:
    """Active since the first broken promise ended."""
    stops = [stop for i, stop in enumerate(plan.stops) if missed >> i & 1 and stop.promised_ms is not None]
    if not stops:
        return Verdict(False, now_ms)
    first_ms = min(stop.promised_ms or 0 for stop in stops)
    metrics: dict[str, float | str] = {
        "stops_missed": float(len(stops)),
        "shipments_missed": float(sum(stop.shipments for stop in stops)),
        "stops": ",".join(stop.stop_id for stop in stops[:_STOPS_TOLD]),
    }
    return Verdict(True, first_ms, None, metrics)
