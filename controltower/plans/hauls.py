"""The plan of a line haul: a HaulPlan, or every reason at once why it is none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from controltower.feeds.paths import as_object
from controltower.feeds.payload import decode_payload
from controltower.feeds.rejection import Rejected
from controltower.feeds.times import EARLIEST
from controltower.plans.check import LATEST, MOST_FAULTS, PlanFault, explain_errors, read_instant
from schemas import haul
from schemas.vocabulary import RejectReason

#: How a fault of no field begins: the model's word for what two fields contradict.
_OF_NO_FIELD = "the record: "
_TOO_FEW = ": too_short"


def looks_like_haul(payload: dict[str, Any]) -> bool:
    """Whether a plan is one of a line haul, also where it leaves its schema out."""
    if "schema" in payload:
        return bool(payload["schema"] == haul.HAUL_PLAN_SCHEMA)
    return "inbound" in payload or "outbound" in payload


def check_haul_plan(value: bytes | None) -> haul.HaulPlan | tuple[PlanFault, ...]:
    """The plan of a payload that goes to the topic, and so must name its schema; or at most 50 faults."""
    try:
        payload = as_object(decode_payload(value), "the record")
    except Rejected as rejected:
        return (PlanFault(rejected.reason, rejected.detail),)
    found = check_haul_plan_object(payload)
    if "schema" in payload:
        return found
    faults = found if isinstance(found, tuple) else ()
    return (PlanFault(RejectReason.MISSING_FIELD, "schema is missing"), *faults)[:MOST_FAULTS]


def check_haul_plan_object(payload: dict[str, Any]) -> haul.HaulPlan | tuple[PlanFault, ...]:
    """The plan of a decoded payload (`controltower.haul-plan/1`), or at most 50 faults."""
    found, faults = None, list(_beyond_the_model(payload))
    try:
        found = haul.HaulPlan.model_validate(payload)
    except ValidationError as wrong:
        faults = [*_without_echoes(list(explain_errors(wrong)), faults), *faults]
    except OverflowError:  # an instant of the year 1 or 9999 has no equivalent in UTC
        faults = [PlanFault(RejectReason.BAD_TIME, "starts_at: outside the calendar"), *faults]
    if found is None or faults:
        return tuple(dict.fromkeys(faults))[:MOST_FAULTS]
    return found


def _without_echoes(told: list[PlanFault], beyond: list[PlanFault]) -> Iterator[PlanFault]:
    """Members that cannot be read are not missing as well, and of a contradiction the fields say more."""
    for fault in told:
        members = fault.detail.removesuffix(_TOO_FEW) + "."
        is_echo = fault.detail.endswith(_TOO_FEW) and any(f.detail.startswith(members) for f in told)
        if not is_echo and not (beyond and fault.detail.startswith(_OF_NO_FIELD)):
            yield fault


def _beyond_the_model(payload: dict[str, Any]) -> Iterator[PlanFault]:
    """What the model lets pass, or tells only where nothing else is wrong."""
    starts_at = read_instant(payload.get("starts_at"))
    if starts_at is not None and not EARLIEST <= starts_at <= LATEST:
        yield PlanFault(RejectReason.BAD_TIME, "starts_at is not between 2000 and 2100")
    yield from _find_contradictions(payload)


def _find_contradictions(payload: dict[str, Any]) -> Iterator[PlanFault]:
    """Names that two legs share, and steps that no scan could tell apart, in whatever can be read."""
    legs: dict[str, str] = {}
    steps: dict[tuple[str, str | None], str] = {}
    for where, leg in _legs_of(payload):
        leg_id = leg.get("leg_id")
        if isinstance(leg_id, str) and (first := legs.setdefault(leg_id, where)) != where:
            yield _contradiction(f"{where}.leg_id", f"the same as of {first}")
        for place, step in _steps_of(where, leg):
            if (first := steps.setdefault(step, place)) != place:
                yield _contradiction(place, f"kind and place of {first}: no scan could tell them apart")


def _contradiction(field: str, rule: str) -> PlanFault:
    return PlanFault(RejectReason.OUT_OF_RANGE, f"{field}: {rule}")


def _legs_of(payload: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Where each leg stands, and the leg; the outbound one last."""
    inbound = payload.get("inbound")
    members = inbound if isinstance(inbound, list) else []
    named = [(f"inbound.{number}", leg) for number, leg in enumerate(members)]
    for where, leg in [*named, ("outbound", payload.get("outbound"))]:
        if isinstance(leg, dict):
            yield where, leg


def _steps_of(where: str, leg: dict[str, Any]) -> Iterator[tuple[str, tuple[str, str | None]]]:
    """Where each step stands, and its kind and place."""
    members = leg.get("steps")
    for number, step in enumerate(members if isinstance(members, list) else []):
        if not isinstance(step, dict):
            continue
        kind, place = step.get("step"), step.get("place")
        if isinstance(kind, str) and (place is None or isinstance(place, str)):
            yield f"{where}.steps.{number}", (kind, place)
