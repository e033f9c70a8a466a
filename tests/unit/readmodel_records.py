"""Records of the output topics, for tests of the read model."""

from __future__ import annotations

from typing import Any

from controltower.readmodel.fold import ProjectFold
from controltower.readmodel.store import Store
from controltower.streaming.stage import Record
from schemas import wire
from schemas.topics import DISPATCH, EXCEPTIONS, ROUTE_STATUS, SHIPMENT_STATUS
from schemas.vocabulary import HaulEnd, HaulScoreSource, Motion, Phase
from tests.unit.recovery_day import Day, at, exception, resolved


def begun(store: Store, partition: int = 1) -> ProjectFold:
    """The fold of a stage that starts for the first time."""
    fold = ProjectFold(partition, 4, store)
    fold.start_from({})
    return fold


def as_record(message: wire.AnyRecord, offset: int = 0, partition: int = 1) -> Record:
    """The message on its topic."""
    if isinstance(message, wire.ExceptionRecord):
        topic, key = EXCEPTIONS, message.exception_id
    elif isinstance(message, wire.Action):
        topic, key = DISPATCH, message.action_id
    elif isinstance(message, wire.ShipmentStatus):
        topic, key = SHIPMENT_STATUS, message.shipment_id
    else:
        assert isinstance(message, wire.RouteStatus)
        topic, key = ROUTE_STATUS, message.route_id
    return Record(topic, partition, offset, 0, key.encode(), wire.encode(message))


def status(seq: int, phase: Phase = Phase.UNDERWAY, route: str = "r1") -> wire.RouteStatus:
    return wire.RouteStatus(
        route_id=route,
        seq=seq,
        tenant="t",
        phase=phase,
        motion=Motion.MOVING,
        stops_done=seq,
        stops_left=9 - seq,
        as_of=at(seq),
    )


def shipment_status(seq: int, p_late: float | None = None, **changes: Any) -> wire.ShipmentStatus:
    """Of the shipment P-1 on its line haul; a p_late is the word of the model `m`."""
    fields: dict[str, Any] = {
        "shipment_id": "P-1",
        "seq": seq,
        "tenant": "t",
        "carrier": "own",
        "plan_version": 1,
        "promised_by": at(900),
        "phase": Phase.UNDERWAY,
        "steps_done": seq,
        "steps_left": 9 - seq,
        "p_late": p_late,
        "as_of": at(seq),
    }
    if p_late is not None:
        fields |= {"scored_at": at(seq), "scored_by": HaulScoreSource.MODEL, "model_version": "m"}
    return wire.ShipmentStatus(**{**fields, **changes})


def routed_shipment(seq: int) -> wire.ShipmentStatus:
    """A route carries it now."""
    return shipment_status(seq, phase=Phase.ENDED, ended_because=HaulEnd.ROUTED, route_id="r1")


def story() -> list[Record]:
    """A route under way with one open and one ended exception and a rescue that waits for a person."""
    day = Day()
    opened = exception(0, name="e1", severity=1)
    ended = [exception(5, name="e2", route="r2"), resolved(9, 2, "e2", route="r2")]
    day.happen(opened, *ended, exception(20, 2, name="e1", occurrence_count=2, severity=1))
    messages: list[wire.AnyRecord] = [status(1), opened, status(2), *ended, *day.actions]
    return [as_record(message, offset) for offset, message in enumerate(messages)]
