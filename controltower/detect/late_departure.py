"""LATE_DEPARTURE: 15 min after the planned departure the vehicle has not left the first stop.

A deadline. It is only judged where the plan came before it: a plan that comes later says nothing about
what was not seen. Departure clears it.
"""

from __future__ import annotations

from controltower.detect.rule import Verdict, Wake
from controltower.route.evidence import Snapshot
from controltower.route.limits import Limits
from controltower.route.plan import RoutePlan
from schemas.vocabulary import ExceptionCode

CODE = ExceptionCode.LATE_DEPARTURE
WAKES = Wake.DEADLINE


def due_ms(snapshot: Snapshot, plan: RoutePlan, plan_received_ms: int, limits: Limits) -> int | None:
    """When a missing departure becomes an exception, or None."""
    due = earliest_ms(plan.stops[0].departure_ms, limits)
    if snapshot.progress.departed_ms or due < plan_received_ms:
        return None
    return due


def earliest_ms(departs_ms: int, limits: Limits) -> int:
    """When a planned departure is missing at the earliest."""
    return departs_ms + limits.late_departure_ms


def verdict(plan: RoutePlan, due: int) -> Verdict:
    """Active since the planned departure."""
    planned = plan.stops[0].departure_ms
    return Verdict(True, planned, None, {"late_s": (due - planned) / 1000})
