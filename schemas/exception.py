"""The exception record: one life of one problem, told transition by transition."""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import Field

from schemas.base import Finite, Identifier, Instant, Message, Part
from schemas.vocabulary import (
    ExceptionCode,
    ExceptionKind,
    ExceptionStatus,
    Reason,
    Resolution,
    SubjectType,
    Transition,
)

EXCEPTION_SCHEMA: Final = "controltower.exception/1"
SUPPRESSION_SCHEMA: Final = "controltower.suppression/1"


class Location(Part):
    """Where the vehicle was."""

    lat: Finite | None = None
    lon: Finite | None = None
    along_m: Finite | None = None
    stop_before: str | None = None
    stop_after: str | None = None


class Owner(Part):
    """Who should answer."""

    team: str
    party: str | None = None


class Impact(Part):
    """How much hangs on it."""

    stops_at_risk: int = Field(ge=0)
    shipments_at_risk: int = Field(ge=0)


class Evidence(Part):
    """A record that this transition rests on."""

    topic: str
    partition: int
    offset: int
    scan_id: str | None = None


class Contribution(Part):
    """What a feature did to a score: `effect` in log-odds of p(late), + towards late."""

    feature: str
    value: Finite | None
    effect: Finite
    words: str | None = Field(default=None, description="the same for people")


class ExceptionRecord(Message):
    """One transition of one exception. Keep the highest `seq` per `exception_id`."""

    schema_: Literal["controltower.exception/1"] = Field(default=EXCEPTION_SCHEMA, alias="schema")
    exception_id: Identifier
    seq: int = Field(ge=1)
    transition: Transition
    status: ExceptionStatus
    code: ExceptionCode
    kind: ExceptionKind
    severity: int = Field(ge=1, le=4)
    latched: bool
    flags: tuple[Literal["SUPPRESSED", "SNOOZED", "FLAPPING"], ...] = ()
    tenant: Identifier
    subject_type: SubjectType
    subject_id: Identifier
    route_id: str | None = None
    shipment_id: str | None = None
    stop_id: str | None = None
    vehicle_id: str | None = None
    carrier: str | None = None
    onset_at: Instant
    detected_at: Instant
    updated_at: Instant = Field(description="stream time of this transition")
    published_at: Instant
    cleared_at: Instant | None = None
    resolved_at: Instant | None = None
    resolution: Resolution | None = None
    reason: Reason | None = None
    responsible_party: str | None = None
    home: str = Field(
        description="route:<id>, shipment:<id>, carrier:<id> or hub:<id>; decides the partition"
    )
    generation: Instant
    location: Location | None = None
    zone: str | None = None
    service_tier: str | None = None
    hub_id: str | None = Field(default=None, description="the depot or hub where it happens")
    owner: Owner | None = None
    respond_by: Instant | None = None
    impact: Impact | None = None
    escalation_level: int = Field(default=0, ge=0, le=3)
    occurrence_count: int = Field(default=1, ge=1)
    parent_id: str | None = None
    suppressed_by: str | None = None
    metrics: dict[str, Any] = Field(default_factory=dict, description="numbers with the unit in their name")
    explanation: tuple[Contribution, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    rule_version: str
    model_version: str | None = None
    summary: str | None = Field(default=None, description="why, in plain words, for codes that are scored")


class Suppression(Message):
    """In the log of a child's route: a parent answers in its place, or does so no more."""

    schema_: Literal["controltower.suppression/1"] = Field(default=SUPPRESSION_SCHEMA, alias="schema")
    route_id: Identifier
    exception_id: Identifier = Field(description="the child")
    parent_id: Identifier
    parent_code: ExceptionCode
    suppressed: bool = Field(description="false: released")
    decided_at: Instant
