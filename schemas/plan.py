"""What was promised: the stops of a route, their windows, and the path if one is planned."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field, model_validator

from schemas.base import Identifier, Instant, Latitude, Longitude, Message, NonNegative, Part, Source
from schemas.vocabulary import StopKind

PLAN_SCHEMA: Final = "controltower.plan/1"


class Stop(Part):
    """One planned stop. `promised_by` is the frozen promise that slip is measured against."""

    stop_id: Identifier
    sequence: int = Field(ge=0)
    lat: Latitude
    lon: Longitude
    window_from: Instant | None = None
    window_to: Instant | None = None
    promised_by: Instant | None = None
    planned_arrival: Instant
    planned_departure: Instant
    service_s: NonNegative = 0
    kind: StopKind = StopKind.DELIVERY
    shipment_ids: tuple[Identifier, ...] = ()
    zone: str | None = None
    service_tier: str | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Stop:
        if self.planned_departure < self.planned_arrival:
            raise ValueError("planned_departure before planned_arrival")
        if self.window_from and self.window_to and self.window_to < self.window_from:
            raise ValueError("window_to before window_from")
        return self


class Break(Part):
    """A rest the driver may take; standing still within it is no halt."""

    starts_at: Instant
    ends_at: Instant


class Plan(Message):
    """One immutable version of a route's plan. Within one day a higher version replaces a lower one."""

    schema_: Literal["controltower.plan/1"] = Field(default=PLAN_SCHEMA, alias="schema")
    route_id: Identifier
    version: int = Field(ge=1)
    tenant: Identifier = "default"
    carrier: Identifier
    vehicle_id: Identifier | None = None
    driver_id: Identifier | None = Field(default=None, description="a key of the driver, never a name")
    depot: Identifier | None = None
    departs_at: Instant
    ends_by: Instant
    stops: tuple[Stop, ...] = Field(min_length=1)
    path: str | None = Field(default=None, description="encoded polyline, 5 decimals, or null")
    breaks: tuple[Break, ...] = ()
    received_at: Instant | None = Field(default=None, description="set by normalize")
    source: Source | None = Field(default=None, description="set by normalize")

    @model_validator(mode="after")
    def _consistent(self) -> Plan:
        if self.ends_by < self.departs_at:
            raise ValueError("ends_by before departs_at")
        sequences = [stop.sequence for stop in self.stops]
        if sequences != sorted(set(sequences)):
            raise ValueError("stops must come in growing sequence")
        if len({stop.stop_id for stop in self.stops}) != len(self.stops):
            raise ValueError("stop_id must be unique within a plan")
        return self
