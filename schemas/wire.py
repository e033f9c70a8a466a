"""The same messages as msgspec structs, for the hot path. A property test holds them equal to the models."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from schemas.vocabulary import (
    ActionName,
    ActionState,
    CommandKind,
    CommandOutcome,
    ExceptionCode,
    ExceptionKind,
    ExceptionStatus,
    FeedbackState,
    FeedState,
    Milestone,
    ModelUse,
    Motion,
    Phase,
    Reason,
    Refusal,
    Resolution,
    RouteEnd,
    ScoreSource,
    StopKind,
    SubjectType,
    SuppressReason,
    SwitchMode,
    Tier,
    Transition,
)


class WirePart(msgspec.Struct, frozen=True, gc=False):
    """A piece of a record."""


class Source(WirePart, frozen=True, gc=False):
    topic: str
    partition: int
    offset: int
    index: int = 0


class Place(WirePart, frozen=True, gc=False):
    lat: float | None = None
    lon: float | None = None
    accuracy_m: float | None = None
    speed_mps: float | None = None
    bearing_deg: float | None = None
    name: str | None = None
    hub: str | None = None


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


class Tick(msgspec.Struct, tag_field="schema", tag="controltower.tick/1", kw_only=True, gc=False):
    source: str
    sources: int
    upto: datetime
    empty: bool = False
    over: bool = False


class VehicleMoved(
    msgspec.Struct, tag_field="schema", tag="controltower.vehicle-moved/1", kw_only=True, gc=False
):
    route_id: str
    vehicle_id: str
    next_route_id: str
    received_at: datetime
    source: Source


class ShipmentsRead(
    msgspec.Struct, tag_field="schema", tag="controltower.shipments-read/1", kw_only=True, gc=False
):
    source: str
    sources: int
    upto: datetime


class Assignment(msgspec.Struct, tag_field="schema", tag="controltower.assignment/1", kw_only=True, gc=False):
    shipment_id: str
    route_id: str | None
    stop_id: str | None
    plan_version: int
    received_at: datetime
    taken_from: str | None = None


class ScoreRow(WirePart, frozen=True, gc=False):
    stop_id: str
    features: tuple[float | None, ...]


class ScoreRequest(
    msgspec.Struct, tag_field="schema", tag="controltower.score-request/1", kw_only=True, gc=False
):
    request_id: str
    route_id: str
    tenant: str
    as_of: datetime
    feature_set: str
    rows: tuple[ScoreRow, ...]
    shift: tuple[float | None, ...] | None = None
    explain_from: float | None = None


class ModelChange(
    msgspec.Struct, tag_field="schema", tag="controltower.model-change/1", kw_only=True, gc=False
):
    use: ModelUse
    model_version: str = ""
    digest: str = ""
    folder: str = ""
    changed_at: datetime


class StopScore(WirePart, frozen=True, gc=False):
    stop_id: str
    p_late: float
    p10_s: int | None = None
    p50_s: int | None = None
    p90_s: int | None = None
    shadow_p_late: float | None = None


class Contribution(WirePart, frozen=True, gc=False):
    feature: str
    value: float | None
    effect: float
    words: str | None = None


class Score(msgspec.Struct, tag_field="schema", tag="controltower.score/1", kw_only=True, gc=False):
    request_id: str
    route_id: str
    as_of: datetime
    stops: tuple[StopScore, ...]
    scored_by: ScoreSource
    model_version: str
    p_shift: float | None = None
    explained_stop: str | None = None
    explanation: tuple[Contribution, ...] = ()
    shadow_version: str | None = None


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


class Alternative(WirePart, frozen=True, gc=False):
    action: ActionName
    why_not: str


class Approval(WirePart, frozen=True, kw_only=True, gc=False):
    by: str
    approved: bool = True
    role: str | None = None
    why: str | None = None
    at: datetime


class Action(msgspec.Struct, tag_field="schema", tag="controltower.action/1", kw_only=True, gc=False):
    action_id: str
    seq: int
    exception_id: str
    home: str
    tenant: str
    action: ActionName
    code: ExceptionCode
    attempt: int
    state: ActionState
    tier: Tier
    subject: str
    route_id: str | None = None
    parameters: dict[str, Any] = {}
    reason: str
    alternatives: tuple[Alternative, ...] = ()
    cost: float = 0.0
    expected_gain_s: float = 0.0
    expires_at: datetime | None = None
    idempotency_key: str
    suppressed_because: SuppressReason | None = None
    policy_version: str
    decided_at: datetime
    published_at: datetime
    rule: str | None = None
    limit: str | None = None
    approver: str | None = None
    approvals_needed: int = 0
    approvals: tuple[Approval, ...] = ()
    answered_by: str | None = None
    answer_reason: str | None = None
    compensates: str | None = None
    take_back: bool = False


class Feedback(msgspec.Struct, tag_field="schema", tag="controltower.feedback/1", kw_only=True, gc=False):
    action_id: str
    home: str
    state: FeedbackState
    reason: str | None = None
    by: str | None = None
    occurred_at: datetime
    received_at: datetime | None = None


class Command(msgspec.Struct, tag_field="schema", tag="controltower.command/1", kw_only=True, gc=False):
    command_id: str
    kind: CommandKind
    exception_id: str | None = None
    action_id: str | None = None
    home: str
    by: str
    why: str | None = None
    until: datetime | None = None
    issued_at: datetime
    received_at: datetime | None = None
    role: str | None = None


class CommandReply(
    msgspec.Struct, tag_field="schema", tag="controltower.command-reply/1", kw_only=True, gc=False
):
    command_id: str
    kind: CommandKind
    exception_id: str | None = None
    action_id: str | None = None
    home: str
    outcome: CommandOutcome
    reason: Refusal | None = None
    seq: int | None = None
    decided_at: datetime
    published_at: datetime


class StopEta(WirePart, frozen=True, kw_only=True, gc=False):
    stop_id: str
    promised_by: datetime | None = None
    p10: datetime
    p50: datetime
    p90: datetime
    p_late: float | None = None


class RouteStatus(
    msgspec.Struct, tag_field="schema", tag="controltower.route-status/1", kw_only=True, gc=False
):
    route_id: str
    seq: int
    tenant: str
    carrier: str | None = None
    vehicle_id: str | None = None
    phase: Phase
    ended_because: RouteEnd | None = None
    motion: Motion
    lat: float | None = None
    lon: float | None = None
    along_m: float | None = None
    off_path_m: float | None = None
    stop_next: str | None = None
    stops_done: int
    stops_left: int
    eta: tuple[StopEta, ...] = ()
    slack_s: float | None = None
    slip_s: float | None = None
    signal_age_s: float | None = None
    open_exceptions: tuple[str, ...] = ()
    plan_version: int | None = None
    halt_limit_s: float | None = None
    dwell_limit_s: float | None = None
    as_of: datetime


class FeedPulse(msgspec.Struct, tag_field="schema", tag="controltower.feed-pulse/1", kw_only=True, gc=False):
    feed: str
    carrier: str
    tenant: str
    source: str
    slot_from: datetime
    first_at: datetime
    last_at: datetime
    records: int
    rejected: int = 0
    scans: int = 0
    unmapped: int = 0
    future: int = 0
    disordered: int = 0
    duplicates: int = 0
    vehicles: int = 0
    delays: tuple[int, ...] = ()


class FeedDown(WirePart, frozen=True, gc=False):
    feed: str
    exception_id: str
    since: datetime
    detected_at: datetime


class FeedDiscipline(WirePart, frozen=True, gc=False):
    feed: str
    score: float


class FeedsJudged(
    msgspec.Struct, tag_field="schema", tag="controltower.feeds-judged/1", kw_only=True, gc=False
):
    source: str
    sources: int
    upto: datetime
    down: tuple[FeedDown, ...] = ()
    discipline: tuple[FeedDiscipline, ...] = ()


class FeedStatus(
    msgspec.Struct, tag_field="schema", tag="controltower.feed-status/1", kw_only=True, gc=False
):
    feed: str
    carrier: str
    tenant: str
    state: FeedState
    as_of: datetime
    last_heard_at: datetime | None = None
    silence_limit_s: float | None = None
    vehicles: int = 0
    records: int = 0
    rejected_share: float | None = None
    unmapped_share: float | None = None
    future_share: float | None = None
    disordered_share: float | None = None
    duplicate_share: float | None = None
    delays: tuple[int, ...] = ()
    discipline: float | None = None
    exception_id: str | None = None


class PlaybookPublished(
    msgspec.Struct, tag_field="schema", tag="controltower.playbook/1", kw_only=True, gc=False
):
    text: str
    by: str
    why: str | None = None
    issued_at: datetime
    received_at: datetime | None = None
    source: Source | None = None


class Switch(msgspec.Struct, tag_field="schema", tag="controltower.switch/1", kw_only=True, gc=False):
    mode: SwitchMode
    tenant: str | None = None
    action: ActionName | None = None
    by: str
    why: str
    issued_at: datetime
    received_at: datetime | None = None
    source: Source | None = None


class CapAsked(WirePart, frozen=True, kw_only=True, gc=False):
    name: str
    bucket: str
    ends_at: datetime | None = None
    most: int | None = None
    most_cost: float | None = None


class PermitRequest(
    msgspec.Struct, tag_field="schema", tag="controltower.permit-request/1", kw_only=True, gc=False
):
    target: str
    action_id: str
    home: str
    cost: float = 0.0
    caps: tuple[CapAsked, ...]
    asked_at: datetime


class Permit(msgspec.Struct, tag_field="schema", tag="controltower.permit/1", kw_only=True, gc=False):
    target: str
    action_id: str
    home: str
    granted: bool
    cap: str | None = None
    again_at: datetime | None = None
    asked_at: datetime


class PermitReturn(
    msgspec.Struct, tag_field="schema", tag="controltower.permit-return/1", kw_only=True, gc=False
):
    target: str
    action_id: str
    home: str
    used: bool
    returned_at: datetime


#: What may stand in each log.
RouteEvent = (
    Scan | Plan | Tick | VehicleMoved | Score | Command | Action | FeedsJudged | Suppression | ShipmentsRead
)
ShipmentEvent = Scan | Assignment | Tick | Command | Action
RecoveryEvent = (
    ExceptionRecord
    | Feedback
    | Command
    | Tick
    | PlaybookPublished
    | Switch
    | PermitRequest
    | Permit
    | PermitReturn
)
FeedEvent = FeedPulse | Tick
ScoreEvent = ScoreRequest | ModelChange
AreaEvent = ExceptionRecord | Command | Action | Tick

AnyRecord = (
    Scan
    | Plan
    | Tick
    | VehicleMoved
    | Assignment
    | ShipmentsRead
    | ScoreRequest
    | Score
    | ModelChange
    | ExceptionRecord
    | Suppression
    | Action
    | Feedback
    | Command
    | CommandReply
    | RouteStatus
    | FeedPulse
    | FeedsJudged
    | FeedStatus
    | PlaybookPublished
    | Switch
    | PermitRequest
    | Permit
    | PermitReturn
)

encode = msgspec.json.Encoder().encode
decode_route_event = msgspec.json.Decoder(RouteEvent).decode
decode_shipment_event = msgspec.json.Decoder(ShipmentEvent).decode
decode_recovery_event = msgspec.json.Decoder(RecoveryEvent).decode
decode_feed_event = msgspec.json.Decoder(FeedEvent).decode
decode_area_event = msgspec.json.Decoder(AreaEvent).decode
decode_score_request = msgspec.json.Decoder(ScoreRequest).decode
decode_score_event = msgspec.json.Decoder(ScoreEvent).decode
decode_model_change = msgspec.json.Decoder(ModelChange).decode
decode_any = msgspec.json.Decoder(AnyRecord).decode
