"""What a route is to do."""

from __future__ import annotations

from datetime import datetime

import msgspec

from schemas.vocabulary import StopKind
from schemas.wire.parts import Source, WirePart


class Stop(WirePart, frozen=True, kw_only=True, gc=False):
    stop_id: str
    sequence: int
    lat: float
    lon: float
    window_from: datetime | None = None
    window_to: datetime | None = None
    promised_by: datetime | None = None
    planned_arrival: datetime
    planned_departure: datetime
    service_s: float = 0.0
    kind: StopKind = StopKind.DELIVERY
    shipment_ids: tuple[str, ...] = ()
    zone: str | None = None
    service_tier: str | None = None


class Break(WirePart, frozen=True, gc=False):
    starts_at: datetime
    ends_at: datetime


class Plan(msgspec.Struct, tag_field="schema", tag="controltower.plan/1", kw_only=True, gc=False):
    route_id: str
    version: int
    tenant: str = "default"
    carrier: str
    vehicle_id: str | None = None
    driver_id: str | None = None
    depot: str | None = None
    departs_at: datetime
    ends_by: datetime
    stops: tuple[Stop, ...]
    path: str | None = None
    breaks: tuple[Break, ...] = ()
    received_at: datetime | None = None
    source: Source | None = None
