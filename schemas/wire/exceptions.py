"""What is wrong with a route, a parcel or a feed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from schemas.vocabulary import (
    ExceptionCode,
    ExceptionKind,
    ExceptionStatus,
    Reason,
    Resolution,
    SubjectType,
    Transition,
)
from schemas.wire.parts import Contribution, WirePart


class Location(WirePart, frozen=True, kw_only=True, gc=False):
    lat: float | None = None
    lon: float | None = None
    along_m: float | None = None
    stop_before: str | None = None
    stop_after: str | None = None


class Owner(WirePart, frozen=True, gc=False):
    team: str
    party: str | None = None


class Impact(WirePart, frozen=True, gc=False):
    stops_at_risk: int
    shipments_at_risk: int


class Evidence(WirePart, frozen=True, gc=False):
    topic: str
    partition: int
    offset: int
    scan_id: str | None = None


class ExceptionRecord(
    msgspec.Struct, tag_field="schema", tag="controltower.exception/1", kw_only=True, gc=False
):
    exception_id: str
    seq: int
    transition: Transition
    status: ExceptionStatus
    code: ExceptionCode
    kind: ExceptionKind
    severity: int
    latched: bool
    flags: tuple[str, ...] = ()
    tenant: str
    subject_type: SubjectType
    subject_id: str
    route_id: str | None = None
    shipment_id: str | None = None
    stop_id: str | None = None
    vehicle_id: str | None = None
    carrier: str | None = None
    onset_at: datetime
    detected_at: datetime
    updated_at: datetime
    published_at: datetime
    cleared_at: datetime | None = None
    resolved_at: datetime | None = None
    resolution: Resolution | None = None
    reason: Reason | None = None
    responsible_party: str | None = None
    home: str
    generation: datetime
    location: Location | None = None
    zone: str | None = None
    service_tier: str | None = None
    hub_id: str | None = None
    owner: Owner | None = None
    respond_by: datetime | None = None
    impact: Impact | None = None
    escalation_level: int = 0
    occurrence_count: int = 1
    parent_id: str | None = None
    suppressed_by: str | None = None
    metrics: dict[str, Any] = {}
    explanation: tuple[Contribution, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    rule_version: str
    model_version: str | None = None
    summary: str | None = None


class Suppression(
    msgspec.Struct, tag_field="schema", tag="controltower.suppression/1", kw_only=True, gc=False
):
    route_id: str
    exception_id: str
    parent_id: str
    parent_code: ExceptionCode
    suppressed: bool
    decided_at: datetime
