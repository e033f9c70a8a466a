"""One line per route, shipment, exception or action that is not over: what a screen shows of it.

All lines of a kind stand in one hash, so a screen of thousands of them is one answer of Redis.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from schemas import wire
from schemas.vocabulary import (
    TERMINAL_ACTION_STATES,
    ActionName,
    ActionState,
    ExceptionCode,
    ExceptionStatus,
    HaulScoreSource,
    Milestone,
    Motion,
    Phase,
    Tier,
)

#: From this chance of being late on a stop counts as at risk; the default of SLA_AT_RISK's lower threshold.
AT_RISK_FROM = 0.5
#: Beyond this a vehicle is off its path; ROUTE_DEVIATION asks more of it before it opens.
OFF_PATH_FROM_M = 100.0
_OVER = frozenset({ExceptionStatus.RESOLVED, ExceptionStatus.CLOSED})


class Trouble(StrEnum):
    """What may be wrong with a route under way, seen from its latest status alone."""

    AT_RISK = "AT_RISK"
    LATE = "LATE"
    OFF_PATH = "OFF_PATH"


class RouteLine(msgspec.Struct, gc=False, omit_defaults=True):
    """A route that has not ended. Distances in metres, times in seconds; missing is unknown."""

    route_id: str
    tenant: str
    phase: Phase
    motion: Motion
    as_of: datetime
    stops_done: int
    stops_left: int
    carrier: str | None = None
    vehicle_id: str | None = None
    lat: float | None = None
    lon: float | None = None
    off_path_m: float | None = None
    stop_next: str | None = None
    slack_s: float | None = None
    slip_s: float | None = None
    signal_age_s: float | None = None
    #: the highest p(late) of its scored stops
    p_late: float | None = None
    exceptions: int = 0


def troubles_of(line: RouteLine) -> list[Trouble]:
    """None of them before the departure."""
    if line.phase is not Phase.UNDERWAY:
        return []
    found = {
        Trouble.AT_RISK: line.p_late is not None and line.p_late >= AT_RISK_FROM,
        Trouble.LATE: line.slack_s is not None and line.slack_s < 0,
        Trouble.OFF_PATH: line.off_path_m is not None and line.off_path_m > OFF_PATH_FROM_M,
    }
    return [trouble for trouble, there in found.items() if there]


class StepLine(msgspec.Struct, gc=False):
    """A change of the phase or the motion of a route."""

    at: datetime
    phase: str
    motion: str


class ExceptionLine(msgspec.Struct, gc=False, omit_defaults=True):
    """An exception that is not over."""

    exception_id: str
    tenant: str
    code: ExceptionCode
    status: ExceptionStatus
    severity: int
    home: str
    onset_at: datetime
    detected_at: datetime
    updated_at: datetime
    route_id: str | None = None
    shipment_id: str | None = None
    stop_id: str | None = None
    vehicle_id: str | None = None
    carrier: str | None = None
    zone: str | None = None
    team: str | None = None
    respond_by: datetime | None = None
    escalation_level: int = 0
    flags: tuple[str, ...] = ()
    suppressed_by: str | None = None
    lat: float | None = None
    lon: float | None = None
    shipments_at_risk: int | None = None


class ActionLine(msgspec.Struct, gc=False, omit_defaults=True):
    """A recovery action that has not reached its end."""

    action_id: str
    tenant: str
    action: ActionName
    state: ActionState
    tier: Tier
    code: ExceptionCode
    exception_id: str
    home: str
    subject: str
    reason: str
    decided_at: datetime
    route_id: str | None = None
    expires_at: datetime | None = None
    cost: float = 0.0


class ShipmentLine(msgspec.Struct, gc=False, omit_defaults=True):
    """A shipment on its line haul. p_late: of missing `promised_by`, as of `scored_at`; missing is unknown,
    and `scored_by` says why."""

    shipment_id: str
    tenant: str
    carrier: str
    phase: Phase
    promised_by: datetime
    as_of: datetime
    steps_done: int
    steps_left: int
    milestone: Milestone | None = None
    expected_at: datetime | None = None
    p_late: float | None = None
    scored_at: datetime | None = None
    scored_by: HaulScoreSource | None = None
    model_version: str | None = None
    missed: bool | None = None


Line = RouteLine | ExceptionLine | ActionLine | ShipmentLine


class ScoredStop(msgspec.Struct, gc=False):
    """Of a stop's ETA only what the board shows."""

    p_late: float | None = None


class RouteSeen(
    msgspec.Struct, tag_field="schema", tag="controltower.route-status/1", gc=False, kw_only=True
):
    """What the read model takes from a route-status; the ETAs of dozens of stops are passed over unread."""

    route_id: str
    seq: int
    tenant: str
    phase: Phase
    motion: Motion
    as_of: datetime
    stops_done: int
    stops_left: int
    carrier: str | None = None
    vehicle_id: str | None = None
    lat: float | None = None
    lon: float | None = None
    off_path_m: float | None = None
    stop_next: str | None = None
    eta: tuple[ScoredStop, ...] = ()
    slack_s: float | None = None
    slip_s: float | None = None
    signal_age_s: float | None = None
    open_exceptions: tuple[str, ...] = ()


def route_line(status: RouteSeen) -> RouteLine | None:
    """None once the route has ended."""
    if status.phase is Phase.ENDED:
        return None
    scored = [eta.p_late for eta in status.eta if eta.p_late is not None]
    return RouteLine(
        status.route_id,
        status.tenant,
        status.phase,
        status.motion,
        status.as_of,
        status.stops_done,
        status.stops_left,
        carrier=status.carrier,
        vehicle_id=status.vehicle_id,
        lat=status.lat,
        lon=status.lon,
        off_path_m=status.off_path_m,
        stop_next=status.stop_next,
        slack_s=status.slack_s,
        slip_s=status.slip_s,
        signal_age_s=status.signal_age_s,
        p_late=max(scored, default=None),
        exceptions=len(status.open_exceptions),
    )


def exception_line(record: wire.ExceptionRecord) -> ExceptionLine | None:
    """None once the exception is over."""
    if record.status in _OVER:
        return None
    place, impact = record.location, record.impact
    return ExceptionLine(
        record.exception_id,
        record.tenant,
        record.code,
        record.status,
        record.severity,
        record.home,
        record.onset_at,
        record.detected_at,
        record.updated_at,
        route_id=record.route_id,
        shipment_id=record.shipment_id,
        stop_id=record.stop_id,
        vehicle_id=record.vehicle_id,
        carrier=record.carrier,
        zone=record.zone,
        team=record.owner.team if record.owner else None,
        respond_by=record.respond_by,
        escalation_level=record.escalation_level,
        flags=record.flags,
        suppressed_by=record.suppressed_by,
        lat=place.lat if place else None,
        lon=place.lon if place else None,
        shipments_at_risk=impact.shipments_at_risk if impact else None,
    )


def action_line(action: wire.Action) -> ActionLine | None:
    """None once the action has reached its end."""
    if action.state in TERMINAL_ACTION_STATES:
        return None
    return ActionLine(
        action.action_id,
        action.tenant,
        action.action,
        action.state,
        action.tier,
        action.code,
        action.exception_id,
        action.home,
        action.subject,
        action.reason,
        action.decided_at,
        route_id=action.route_id,
        expires_at=action.expires_at,
        cost=action.cost,
    )


def shipment_line(status: wire.ShipmentStatus) -> ShipmentLine | None:
    """None once it has arrived, ended, or a route carries it."""
    return (
        None if status.phase is Phase.ENDED else msgspec.convert(status, ShipmentLine, from_attributes=True)
    )


encode_line = msgspec.json.Encoder().encode
#: By kind of row.
DECODE_LINES = {
    "route": msgspec.json.Decoder(list[RouteLine]).decode,
    "exception": msgspec.json.Decoder(list[ExceptionLine]).decode,
    "action": msgspec.json.Decoder(list[ActionLine]).decode,
    "shipment": msgspec.json.Decoder(list[ShipmentLine]).decode,
}
