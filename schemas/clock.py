"""Records that carry time and place of a subject from stage to stage."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field

from schemas.base import Identifier, Instant, Message, Source

TICK_SCHEMA: Final = "controltower.tick/1"
VEHICLE_MOVED_SCHEMA: Final = "controltower.vehicle-moved/1"
ASSIGNMENT_SCHEMA: Final = "controltower.assignment/1"
SHIPMENTS_READ_SCHEMA: Final = "controltower.shipments-read/1"


class Tick(Message):
    """Says up to which received_at one intake source is read. The minimum over all sources is the clock."""

    schema_: Literal["controltower.tick/1"] = Field(default=TICK_SCHEMA, alias="schema")
    source: str = Field(description="<topic>/<partition> of the intake")
    sources: int = Field(ge=1, description="how many sources tick in this system")
    upto: Instant
    empty: bool = Field(
        default=False, description="nothing was ever read from this source, so its time is only the wall's"
    )
    over: bool = Field(
        default=False, description="a recorded day that is played has no more records: nobody's silence"
    )


class VehicleMoved(Message):
    """In the log of the old route: its vehicle was seen on another one, so the old route is over."""

    schema_: Literal["controltower.vehicle-moved/1"] = Field(default=VEHICLE_MOVED_SCHEMA, alias="schema")
    route_id: Identifier
    vehicle_id: Identifier
    next_route_id: Identifier
    received_at: Instant
    source: Source


class Assignment(Message):
    """In the log of a shipment: the plan version that carries it, or null where none does any more."""

    schema_: Literal["controltower.assignment/1"] = Field(default=ASSIGNMENT_SCHEMA, alias="schema")
    shipment_id: Identifier
    route_id: Identifier | None
    stop_id: Identifier | None
    plan_version: int = Field(ge=1)
    received_at: Instant
    taken_from: Identifier | None = Field(
        default=None,
        description="the route whose new plan version no longer carries it, where route_id is null",
    )


class ShipmentsRead(Message):
    """Into every partition of route-events: every scan of a parcel that was received up to then, of one
    partition of shipment-events, has been passed on to its route."""

    schema_: Literal["controltower.shipments-read/1"] = Field(default=SHIPMENTS_READ_SCHEMA, alias="schema")
    source: str = Field(description="<topic>/<partition> of shipment-events")
    sources: int = Field(ge=1, description="how many partitions pass scans on in this system")
    upto: Instant
