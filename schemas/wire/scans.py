"""What a carrier told of a parcel or of a vehicle, and what normalize made of it."""

from __future__ import annotations

from datetime import datetime

import msgspec

from schemas.vocabulary import Milestone, Reason
from schemas.wire.parts import Place, Source


class Scan(msgspec.Struct, tag_field="schema", tag="controltower.scan/1", kw_only=True, gc=False):
    scan_id: str
    revision: int = 1
    feed: str
    carrier: str
    tenant: str
    shipment_ids: tuple[str, ...] = ()
    route_id: str | None = None
    vehicle_id: str | None = None
    stop_id: str | None = None
    milestone: Milestone | None = None
    replaces: Milestone | None = None
    reason: Reason | None = None
    raw_code: str | None = None
    raw_text: str | None = None
    occurred_at: datetime
    occurred_at_assumed_zone: str | None = None
    recorded_at: datetime | None = None
    received_at: datetime
    clock_skew_s: float = 0.0
    place: Place | None = None
    source: Source


class VehicleMoved(
    msgspec.Struct, tag_field="schema", tag="controltower.vehicle-moved/1", kw_only=True, gc=False
):
    route_id: str
    vehicle_id: str
    next_route_id: str
    received_at: datetime
    source: Source
