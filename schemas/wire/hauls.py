"""The line haul of a shipment: plan, question, answer and status."""

from __future__ import annotations

from datetime import datetime

import msgspec

from schemas.vocabulary import HaulEnd, HaulScoreSource, HaulStage, HaulStepKind, Milestone, Phase
from schemas.wire.parts import Source, WirePart


class HaulStep(WirePart, frozen=True, kw_only=True, gc=False):
    step: HaulStepKind
    place: str | None = None
    planned_min: float


class HaulLeg(WirePart, frozen=True, gc=False):
    leg_id: str
    steps: tuple[HaulStep, ...]


class HaulPlan(msgspec.Struct, tag_field="schema", tag="controltower.haul-plan/1", kw_only=True, gc=False):
    shipment_id: str
    version: int
    tenant: str = "default"
    carrier: str
    starts_at: datetime
    inbound: tuple[HaulLeg, ...]
    outbound: HaulLeg
    received_at: datetime | None = None
    source: Source | None = None


class LegMinutes(WirePart, frozen=True, gc=False):
    planned: tuple[float | None, ...]
    effective: tuple[float | None, ...]
    waiting_min: float | None = None


class HaulRequest(
    msgspec.Struct, tag_field="schema", tag="controltower.haul-request/1", kw_only=True, gc=False
):
    request_id: str
    shipment_id: str
    tenant: str
    as_of: datetime
    stage: HaulStage
    legs: tuple[LegMinutes, ...]


class HaulScore(msgspec.Struct, tag_field="schema", tag="controltower.haul-score/1", kw_only=True, gc=False):
    request_id: str
    shipment_id: str
    as_of: datetime
    stage: HaulStage
    p_late: float | None
    scored_by: HaulScoreSource
    model_version: str | None


class ShipmentStatus(
    msgspec.Struct, tag_field="schema", tag="controltower.shipment-status/1", kw_only=True, gc=False
):
    shipment_id: str
    seq: int
    tenant: str
    carrier: str
    plan_version: int
    promised_by: datetime
    phase: Phase
    ended_because: HaulEnd | None = None
    route_id: str | None = None
    milestone: Milestone | None = None
    steps_done: int
    steps_left: int
    expected_at: datetime | None = None
    p_late: float | None = None
    scored_at: datetime | None = None
    scored_by: HaulScoreSource | None = None
    model_version: str | None = None
    missed: bool | None = None
    late_s: float | None = None
    as_of: datetime
