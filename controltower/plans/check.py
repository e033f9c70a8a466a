"""A plan as bytes to a Plan, or every reason at once why it is none."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

from pydantic import TypeAdapter, ValidationError

from controltower import polyline
from controltower.feeds.paths import as_object
from controltower.feeds.payload import decode_payload
from controltower.feeds.rejection import Rejected
from controltower.feeds.times import EARLIEST
from controltower.feeds.values import NO_FIX_DEG
from controltower.plans.consistent import StopRead, find_contradictions
from schemas import plan
from schemas.base import Instant
from schemas.vocabulary import RejectReason

#: Beyond this a time is a mistake; it also keeps arithmetic on instants from overflowing.
LATEST = datetime(2100, 1, 1, tzinfo=UTC)
#: The largest integer that every JSON reader keeps exactly.
LARGEST_INTEGER = 2**53
#: A file that is wrong in every line is told by its first lines.
MOST_FAULTS = 50

_BAD_TIME = ("datetime", "date", "time", "timezone")
_INSTANT: TypeAdapter[datetime] = TypeAdapter(Instant)


class PlanFault(NamedTuple):
    """One thing that is wrong: a reason of the closed list, and field and rule without any value."""

    reason: RejectReason
    detail: str


def check_plan(value: bytes | None) -> plan.Plan | tuple[PlanFault, ...]:
    """The plan of a payload (JSON, `controltower.plan/1`), or at most 50 faults."""
    try:
        payload = as_object(decode_payload(value), "the record")
    except Rejected as rejected:
        return (PlanFault(rejected.reason, rejected.detail),)
    return check_plan_object(payload)


def check_plan_object(payload: dict[str, Any]) -> plan.Plan | tuple[PlanFault, ...]:
    """The same for a payload that is decoded already."""
    faults: list[PlanFault] = []
    if "schema" not in payload:
        faults.append(PlanFault(RejectReason.MISSING_FIELD, "schema is missing"))
        payload = {**payload, "schema": plan.PLAN_SCHEMA}
    if payload["schema"] != plan.PLAN_SCHEMA:
        return (PlanFault(RejectReason.UNKNOWN_SCHEMA, f"schema is not {plan.PLAN_SCHEMA}"),)
    try:
        found: plan.Plan | None = plan.Plan.model_validate(payload)
    except ValidationError as wrong:
        found, faults = None, [*faults, *_without_echoes(explain_errors(wrong))]
    except OverflowError:  # an instant of the year 1 or 9999 has no equivalent in UTC
        return (PlanFault(RejectReason.BAD_TIME, "a time is outside the calendar"),)
    faults += _beyond_the_model(payload)
    if found is None or faults:
        return tuple(dict.fromkeys(faults))[:MOST_FAULTS]
    return found


def _without_echoes(faults: Iterator[PlanFault]) -> Iterator[PlanFault]:
    """Stops that cannot be read are not missing as well."""
    about_a_stop = False
    for fault in faults:
        about_a_stop = about_a_stop or fault.detail.startswith("stops.")
        if not (about_a_stop and fault.detail == "stops: too_short"):
            yield fault


def explain_errors(wrong: ValidationError) -> Iterator[PlanFault]:
    """Each error by field and rule; the message of pydantic is left out, since it shows the value."""
    for error in wrong.errors(include_url=False, include_context=False, include_input=False):
        field, rule = ".".join(str(part) for part in error["loc"]) or "the record", error["type"]
        if rule == "value_error":
            yield PlanFault(
                RejectReason.OUT_OF_RANGE, f"{field}: {error['msg'].removeprefix('Value error, ')}"
            )
        else:
            yield PlanFault(_reason_of(rule), f"{field}: {rule}")


def _reason_of(rule: str) -> RejectReason:
    if rule == "missing":
        return RejectReason.MISSING_FIELD
    if rule.startswith(_BAD_TIME):
        return RejectReason.BAD_TIME
    if rule.endswith(("_type", "_parsing", "_from_float")):
        return RejectReason.WRONG_TYPE
    return RejectReason.OUT_OF_RANGE


def _beyond_the_model(payload: dict[str, Any]) -> Iterator[PlanFault]:
    """What the model lets pass, judged on whatever parts of the plan can be read."""
    raw_stops = payload.get("stops")
    members = raw_stops if isinstance(raw_stops, list) else []
    stops = [_read_stop(index, member) for index, member in enumerate(members) if isinstance(member, dict)]
    departs_at, ends_by = read_instant(payload.get("departs_at")), read_instant(payload.get("ends_by"))
    times = [at for at in (departs_at, ends_by) if at]
    times += [at for stop in stops for at in (stop.planned_arrival, stop.planned_departure) if at]
    if times and (min(times) < EARLIEST or max(times) > LATEST):
        yield PlanFault(RejectReason.BAD_TIME, "a time of the plan is not between 2000 and 2100")
    for index, member in enumerate(members):
        if isinstance(member, dict) and _is_nowhere(member.get("lat"), member.get("lon")):
            yield PlanFault(RejectReason.OUT_OF_RANGE, f"stops.{index}: lat and lon are 0/0")
    version = payload.get("version")
    too_large = isinstance(version, int) and version > LARGEST_INTEGER
    if too_large or any((stop.sequence or 0) > LARGEST_INTEGER for stop in stops):
        yield PlanFault(RejectReason.OUT_OF_RANGE, "version or sequence is above 2**53")
    yield from (
        PlanFault(RejectReason.OUT_OF_RANGE, detail)
        for detail in find_contradictions(stops, departs_at, ends_by)
    )
    if isinstance(path := payload.get("path"), str):
        try:
            polyline.decode(path)
        except polyline.PolylineError as wrong:
            yield PlanFault(RejectReason.OUT_OF_RANGE, f"path: {wrong}")


def _read_stop(place: int, member: dict[str, Any]) -> StopRead:
    stop_id, sequence, zone = member.get("stop_id"), member.get("sequence"), member.get("zone")
    return StopRead(
        place,
        stop_id=stop_id if isinstance(stop_id, str) else None,
        sequence=sequence if type(sequence) is int else None,
        planned_arrival=read_instant(member.get("planned_arrival")),
        planned_departure=read_instant(member.get("planned_departure")),
        window_from=read_instant(member.get("window_from")),
        window_to=read_instant(member.get("window_to")),
        promised_by=read_instant(member.get("promised_by")),
        zone=zone if isinstance(zone, str) else None,
    )


def _is_nowhere(*degrees: Any) -> bool:
    """0/0 is where devices are that have no fix, and stops that nobody located."""
    return all(type(value) in (int, float) and abs(value) < NO_FIX_DEG for value in degrees)


def read_instant(value: Any) -> datetime | None:
    """The instant that a field holds, in UTC, or None where it cannot be read."""
    try:
        return _INSTANT.validate_python(value)
    except (ValidationError, OverflowError):
        return None
