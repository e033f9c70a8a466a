"""One thing a carrier observed: a position, a milestone, or both."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field, model_validator

from schemas.base import (
    Finite,
    Identifier,
    Instant,
    Latitude,
    Longitude,
    Message,
    NonNegative,
    Part,
    Source,
)
from schemas.vocabulary import Milestone, Reason

SCAN_SCHEMA: Final = "controltower.scan/1"


class Place(Part):
    """Where it was observed. Coordinates come in pairs (WGS 84, degrees) or not at all."""

    lat: Latitude | None = None
    lon: Longitude | None = None
    accuracy_m: NonNegative | None = None
    speed_mps: NonNegative | None = None
    bearing_deg: Finite | None = None
    name: str | None = Field(default=None, description="name of a place of business, never of a person")
    hub: str | None = None

    @model_validator(mode="after")
    def _paired(self) -> Place:
        if (self.lat is None) != (self.lon is None):
            raise ValueError("lat and lon come together")
        return self


class Scan(Message):
    """A normalized scan, as it stands in route-events and shipment-events."""

    schema_: Literal["controltower.scan/1"] = Field(default=SCAN_SCHEMA, alias="schema")
    scan_id: str = Field(description="hash of feed, the carrier's own event identity and occurred_at")
    revision: int = Field(default=1, ge=1)
    feed: Identifier
    carrier: Identifier
    tenant: Identifier
    shipment_ids: tuple[Identifier, ...] = ()
    route_id: Identifier | None = None
    vehicle_id: Identifier | None = None
    stop_id: Identifier | None = None
    milestone: Milestone | None = Field(default=None, description="null for a position report")
    replaces: Milestone | None = Field(
        default=None, description="what an earlier revision of this scan said, where it said something else"
    )
    reason: Reason | None = None
    raw_code: str | None = None
    raw_text: str | None = None
    occurred_at: Instant
    occurred_at_assumed_zone: str | None = Field(
        default=None, description="IANA zone that was assumed because the payload had no offset"
    )
    recorded_at: Instant | None = None
    received_at: Instant
    clock_skew_s: NonNegative = Field(default=0, description="by how much the device clock runs ahead")
    place: Place | None = None
    source: Source
