"""Plans, commands and feedback from outside: validated, given our time and place, sent to their log."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from controltower import polyline
from controltower.feeds.paths import as_object
from controltower.feeds.payload import decode_payload
from controltower.feeds.rejection import Rejected
from controltower.feeds.times import EARLIEST
from controltower.streaming.stage import Out
from schemas import action, plan, topics, wire
from schemas.base import Source
from schemas.vocabulary import CommandKind, RejectReason

#: Beyond this a time is a mistake; it also keeps arithmetic on instants from overflowing.
LATEST = datetime(2100, 1, 1, tzinfo=UTC)
#: The largest integer that every JSON reader keeps exactly.
LARGEST_INTEGER = 2**53

_Model = TypeVar("_Model", bound=BaseModel)
_BAD_TIME = ("datetime", "date", "time", "timezone")
_TO_RECOVERY = (CommandKind.APPROVE, CommandKind.REFUSE)

#: (value, received_at, where it stands) -> records; raises Rejected and nothing else
IntakeReader = Callable[[bytes | None, datetime, Source], list[Out]]


def read_plan(value: bytes | None, received_at: datetime, source: Source) -> list[Out]:
    """The plan into the log of its route, and for each shipment an assignment into the shipment's log."""
    found = _validate(plan.Plan, value, plan.PLAN_SCHEMA)
    _check_plan(found)
    stamped = found.model_copy(update={"received_at": received_at, "source": source})
    outs = [Out(topics.ROUTE_EVENTS, found.route_id.encode(), _to_wire(stamped))]
    stop_of = {shipment_id: stop.stop_id for stop in found.stops for shipment_id in stop.shipment_ids}
    for shipment_id, stop_id in stop_of.items():
        assignment = wire.Assignment(
            shipment_id=shipment_id,
            route_id=found.route_id,
            stop_id=stop_id,
            plan_version=found.version,
            received_at=received_at,
        )
        outs.append(Out(topics.SHIPMENT_EVENTS, shipment_id.encode(), wire.encode(assignment)))
    return outs


def read_command(value: bytes | None, received_at: datetime, source: Source) -> list[Out]:
    """An answer to an action goes to recovery, any other command to the owner of the exception."""
    found = _validate(action.Command, value, action.COMMAND_SCHEMA)
    kind, home_id = _split_home(found.home)
    if found.kind in _TO_RECOVERY:
        topic = topics.RECOVERY_EVENTS
    elif kind in _OWNERS:
        topic = _OWNERS[kind]
    else:
        raise Rejected(RejectReason.NO_SUBJECT, "home is neither a route nor a shipment")
    return [Out(topic, home_id.encode(), _to_wire(found.model_copy(update={"received_at": received_at})))]


def read_feedback(value: bytes | None, received_at: datetime, source: Source) -> list[Out]:
    """What a dispatch system answered, into the log of the action's home."""
    found = _validate(action.Feedback, value, action.FEEDBACK_SCHEMA)
    _, home_id = _split_home(found.home)
    stamped = found.model_copy(update={"received_at": received_at})
    return [Out(topics.RECOVERY_EVENTS, home_id.encode(), _to_wire(stamped))]


READERS: dict[str, IntakeReader] = {
    topics.PLANS: read_plan,
    topics.COMMANDS: read_command,
    topics.DISPATCH_FEEDBACK: read_feedback,
}
_OWNERS = {"route": topics.ROUTE_EVENTS, "shipment": topics.SHIPMENT_EVENTS}
_HOME_KINDS = (*_OWNERS, "carrier", "hub")


def _split_home(home: str) -> tuple[str, str]:
    kind, _, home_id = home.partition(":")
    if kind not in _HOME_KINDS or not 1 <= len(home_id) <= 200:
        raise Rejected(RejectReason.OUT_OF_RANGE, "home is not of the form route:<id> or shipment:<id>")
    return kind, home_id


def _validate(model: type[_Model], value: bytes | None, schema: str) -> _Model:
    payload = as_object(decode_payload(value), "the record")
    if "schema" not in payload:
        raise Rejected(RejectReason.MISSING_FIELD, "schema is missing")
    if payload["schema"] != schema:
        raise Rejected(RejectReason.UNKNOWN_SCHEMA, f"schema is not {schema}")
    try:
        return model.model_validate(payload)
    except ValidationError as wrong:
        raise _explain(wrong) from None
    except OverflowError:  # an instant of the year 1 or 9999 has no equivalent in UTC
        raise Rejected(RejectReason.BAD_TIME, "a time is outside the calendar") from None


def _explain(wrong: ValidationError) -> Rejected:
    """The first error by field and rule; the message of pydantic is left out, since it shows the value."""
    error = wrong.errors(include_url=False, include_context=False, include_input=False)[0]
    field, rule = ".".join(str(part) for part in error["loc"]) or "the record", error["type"]
    if rule == "value_error":
        return Rejected(RejectReason.OUT_OF_RANGE, f"{field}: {error['msg'].removeprefix('Value error, ')}")
    return Rejected(_reason_of(rule), f"{field}: {rule}")


def _reason_of(rule: str) -> RejectReason:
    if rule == "missing":
        return RejectReason.MISSING_FIELD
    if rule.startswith(_BAD_TIME):
        return RejectReason.BAD_TIME
    if rule.endswith(("_type", "_parsing", "_from_float")):
        return RejectReason.WRONG_TYPE
    return RejectReason.OUT_OF_RANGE


def _check_plan(found: plan.Plan) -> None:
    if found.version > LARGEST_INTEGER or found.stops[-1].sequence > LARGEST_INTEGER:
        raise Rejected(RejectReason.OUT_OF_RANGE, "version or sequence is above 2**53")
    times = [found.departs_at, found.ends_by]
    times += [at for stop in found.stops for at in (stop.planned_arrival, stop.planned_departure)]
    if min(times) < EARLIEST or max(times) > LATEST:
        raise Rejected(RejectReason.BAD_TIME, "a time of the plan is not between 2000 and 2100")
    if found.path is not None:
        try:
            polyline.decode(found.path)
        except polyline.PolylineError as wrong:
            raise Rejected(RejectReason.OUT_OF_RANGE, f"path: {wrong}") from None


def _to_wire(message: BaseModel) -> bytes:
    return message.model_dump_json(by_alias=True).encode()
