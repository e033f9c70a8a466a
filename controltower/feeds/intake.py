"""Plans, commands and feedback from outside: validated, given our time and place, sent to their log."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from controltower.feeds.paths import as_object
from controltower.feeds.payload import decode_payload
from controltower.feeds.rejection import Rejected
from controltower.plans.check import PlanFault, check_plan, explain_errors
from controltower.plans.hauls import check_haul_plan_object
from controltower.streaming.stage import Out
from schemas import action, haul, plan, topics, wire
from schemas.base import Source
from schemas.vocabulary import CommandKind, RejectReason

#: All that is wrong with a plan, cut so that a dead letter stays a letter.
LONGEST_DETAIL = 2000

_Model = TypeVar("_Model", bound=BaseModel)
#: A look at the bytes spares the plans of routes a second decoding; without the slash of the schema, which
#: some encoders write as `\/`.
_HAUL_PLAN = b"haul-plan"
_TO_RECOVERY = (CommandKind.APPROVE, CommandKind.REFUSE)

#: (value, received_at, where it stands) -> records; raises Rejected and nothing else
IntakeReader = Callable[[bytes | None, datetime, Source], list[Out]]


def read_plan(value: bytes | None, received_at: datetime, source: Source) -> list[Out]:
    """The plan into the log of its route, and for each shipment an assignment into the shipment's log."""
    return tell_plan(accept_plan(value), received_at, source)


def accept_plan(value: bytes | None) -> plan.Plan:
    """The plan of a payload; raises Rejected with everything that is wrong with it."""
    found = check_plan(value)
    if isinstance(found, tuple):
        raise _rejected(found)
    return found


def _rejected(faults: tuple[PlanFault, ...]) -> Rejected:
    return Rejected(faults[0].reason, "; ".join(fault.detail for fault in faults)[:LONGEST_DETAIL])


def tell_plan(found: plan.Plan, received_at: datetime, source: Source) -> list[Out]:
    """The records of a plan that was accepted."""
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


def is_haul_plan(value: bytes | None) -> bool:
    """Whether a record on plans is about a line haul. Raises Rejected for what only looks like it."""
    return _HAUL_PLAN in (value or b"") and schema_of(value) == haul.HAUL_PLAN_SCHEMA


def read_haul_plan(value: bytes | None, received_at: datetime, source: Source) -> list[Out]:
    """The plan of a line haul into the log of its shipment. Raises Rejected with everything that is wrong."""
    found = check_haul_plan_object(as_object(decode_payload(value), "the record"))
    if isinstance(found, tuple):
        raise _rejected(found)
    stamped = found.model_copy(update={"received_at": received_at, "source": source})
    return [Out(topics.SHIPMENT_EVENTS, found.shipment_id.encode(), _to_wire(stamped))]


def read_command(value: bytes | None, received_at: datetime, source: Source) -> list[Out]:
    """An answer to an action goes to recovery, any other command to the owner of the exception."""
    found = check_message(action.Command, value, action.COMMAND_SCHEMA)
    kind, home_id = _split_home(found.home)
    if found.kind in _TO_RECOVERY:
        topic = topics.RECOVERY_EVENTS
    elif kind == _HUB and "/" in home_id:
        topic, home_id = topics.AREA_EVENTS, home_id.partition("/")[0]
    elif kind in _OWNERS:
        topic = _OWNERS[kind]
    else:
        raise Rejected(RejectReason.NO_SUBJECT, "home is no route, shipment or hub of a tenant")
    return [Out(topic, home_id.encode(), _to_wire(found.model_copy(update={"received_at": received_at})))]


def read_feedback(value: bytes | None, received_at: datetime, source: Source) -> list[Out]:
    """What a dispatch system answered, into the log of the action's home."""
    found = check_message(action.Feedback, value, action.FEEDBACK_SCHEMA)
    _, home_id = _split_home(found.home)
    stamped = found.model_copy(update={"received_at": received_at})
    return [Out(topics.RECOVERY_EVENTS, home_id.encode(), _to_wire(stamped))]


READERS: dict[str, IntakeReader] = {
    topics.PLANS: read_plan,
    topics.COMMANDS: read_command,
    topics.DISPATCH_FEEDBACK: read_feedback,
}
_OWNERS = {"route": topics.ROUTE_EVENTS, "shipment": topics.SHIPMENT_EVENTS}
#: Their log is keyed by what stands before the slash: the tenant.
_HUB = "hub"
_HOME_KINDS = (*_OWNERS, "carrier", _HUB)


def _split_home(home: str) -> tuple[str, str]:
    kind, _, home_id = home.partition(":")
    if kind not in _HOME_KINDS or not 1 <= len(home_id) <= 200:
        raise Rejected(RejectReason.OUT_OF_RANGE, "home is not of the form route:<id> or shipment:<id>")
    return kind, home_id


def schema_of(value: bytes | None) -> object:
    """What the record says it is. Raises Rejected for what is no JSON object."""
    return as_object(decode_payload(value), "the record").get("schema")


def check_message(model: type[_Model], value: bytes | None, schema: str) -> _Model:
    """The record as a message of this schema. Raises Rejected."""
    payload = as_object(decode_payload(value), "the record")
    if "schema" not in payload:
        raise Rejected(RejectReason.MISSING_FIELD, "schema is missing")
    if payload["schema"] != schema:
        raise Rejected(RejectReason.UNKNOWN_SCHEMA, f"schema is not {schema}")
    try:
        return model.model_validate(payload)
    except ValidationError as wrong:
        first = next(explain_errors(wrong))
        raise Rejected(first.reason, first.detail) from None
    except OverflowError:  # an instant of the year 1 or 9999 has no equivalent in UTC
        raise Rejected(RejectReason.BAD_TIME, "a time is outside the calendar") from None


def _to_wire(message: BaseModel) -> bytes:
    return message.model_dump_json(by_alias=True).encode()
