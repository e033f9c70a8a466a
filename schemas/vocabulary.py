"""Closed lists on the wire. Each value may be a metric label, so the lists are few, short and stable."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Milestone(StrEnum):
    """What a scan says happened to a parcel, in one language for all carriers."""

    INFO_RECEIVED = "INFO_RECEIVED"
    PICKUP_SCHEDULED = "PICKUP_SCHEDULED"
    PICKED_UP = "PICKED_UP"
    HUB_ARRIVED = "HUB_ARRIVED"
    HUB_DEPARTED = "HUB_DEPARTED"
    CUSTOMS_PRESENTED = "CUSTOMS_PRESENTED"
    CUSTOMS_RELEASED = "CUSTOMS_RELEASED"
    DEPOT_ARRIVED = "DEPOT_ARRIVED"
    LOADED = "LOADED"
    OUT_FOR_DELIVERY = "OUT_FOR_DELIVERY"
    STOP_APPROACHING = "STOP_APPROACHING"
    STOP_ARRIVED = "STOP_ARRIVED"
    STOP_DEPARTED = "STOP_DEPARTED"
    ATTEMPT_FAILED = "ATTEMPT_FAILED"
    AVAILABLE_FOR_PICKUP = "AVAILABLE_FOR_PICKUP"
    HELD = "HELD"
    RETURN_STARTED = "RETURN_STARTED"
    DELIVERED = "DELIVERED"
    RETURNED = "RETURNED"
    CANCELLED = "CANCELLED"
    LOST_OR_DESTROYED = "LOST_OR_DESTROYED"
    UNMAPPED = "UNMAPPED"


#: Monotonic guard per delivery attempt. HELD and UNMAPPED have no rank: they may come at any time.
MILESTONE_RANK: dict[Milestone, int] = {
    Milestone.INFO_RECEIVED: 10,
    Milestone.PICKUP_SCHEDULED: 15,
    Milestone.PICKED_UP: 20,
    Milestone.HUB_ARRIVED: 30,
    Milestone.HUB_DEPARTED: 31,
    Milestone.CUSTOMS_PRESENTED: 35,
    Milestone.CUSTOMS_RELEASED: 36,
    Milestone.DEPOT_ARRIVED: 40,
    Milestone.LOADED: 45,
    Milestone.OUT_FOR_DELIVERY: 50,
    Milestone.STOP_APPROACHING: 55,
    Milestone.STOP_ARRIVED: 60,
    Milestone.STOP_DEPARTED: 65,
    Milestone.ATTEMPT_FAILED: 70,
    Milestone.AVAILABLE_FOR_PICKUP: 75,
    Milestone.RETURN_STARTED: 80,
    Milestone.DELIVERED: 100,
    Milestone.RETURNED: 101,
    Milestone.CANCELLED: 102,
    Milestone.LOST_OR_DESTROYED: 103,
}

TERMINAL_MILESTONES = frozenset(
    {Milestone.DELIVERED, Milestone.RETURNED, Milestone.CANCELLED, Milestone.LOST_OR_DESTROYED}
)


class ExceptionKind(StrEnum):
    """Continuous exceptions have a duration and are updated; discrete ones happened once."""

    CONTINUOUS = "CONTINUOUS"
    DISCRETE = "DISCRETE"


class ExceptionCode(StrEnum):
    """What went wrong."""

    SLA_AT_RISK = "SLA_AT_RISK"
    SLA_BREACHED = "SLA_BREACHED"
    ETA_SLIP = "ETA_SLIP"
    LATE_DEPARTURE = "LATE_DEPARTURE"
    MISSED_PICKUP = "MISSED_PICKUP"
    MISSED_CONNECTION = "MISSED_CONNECTION"
    LONG_HALT = "LONG_HALT"
    EXCESS_DWELL = "EXCESS_DWELL"
    ROUTE_DEVIATION = "ROUTE_DEVIATION"
    STOP_SKIPPED = "STOP_SKIPPED"
    SEQUENCE_BREAK = "SEQUENCE_BREAK"
    SLOW_PROGRESS = "SLOW_PROGRESS"
    SIGNAL_LOST = "SIGNAL_LOST"
    MILESTONE_STALLED = "MILESTONE_STALLED"
    MILESTONE_CONFLICT = "MILESTONE_CONFLICT"
    MISLOAD = "MISLOAD"
    CUSTODY_GAP = "CUSTODY_GAP"
    ATTEMPT_FAILED = "ATTEMPT_FAILED"
    REPEAT_ATTEMPT_FAILED = "REPEAT_ATTEMPT_FAILED"
    ADDRESS_ISSUE = "ADDRESS_ISSUE"
    REFUSED = "REFUSED"
    DAMAGED = "DAMAGED"
    LOST_SUSPECTED = "LOST_SUSPECTED"
    HELD = "HELD"
    PICKUP_UNCOLLECTED = "PICKUP_UNCOLLECTED"
    UNPLANNED_RETURN = "UNPLANNED_RETURN"
    POD_SUSPECT = "POD_SUSPECT"
    ROUTE_OVERLOADED = "ROUTE_OVERLOADED"
    CARRIER_FEED_DOWN = "CARRIER_FEED_DOWN"
    HUB_DISRUPTION = "HUB_DISRUPTION"
    AREA_DISRUPTION = "AREA_DISRUPTION"
    DATA_QUALITY = "DATA_QUALITY"


class CodeTraits(NamedTuple):
    """What the vocabulary fixes for one code."""

    kind: ExceptionKind
    latched: bool
    severity: int  # 1 (worst) to 4, at opening


_C, _D = ExceptionKind.CONTINUOUS, ExceptionKind.DISCRETE

#: Kind, latch and severity at opening. A latched exception is closed by an operator or the route's end only.
CODE_TRAITS: dict[ExceptionCode, CodeTraits] = {
    ExceptionCode.SLA_AT_RISK: CodeTraits(_C, False, 2),
    ExceptionCode.SLA_BREACHED: CodeTraits(_D, True, 1),
    ExceptionCode.ETA_SLIP: CodeTraits(_C, False, 3),
    ExceptionCode.LATE_DEPARTURE: CodeTraits(_C, False, 3),
    ExceptionCode.MISSED_PICKUP: CodeTraits(_D, True, 2),
    ExceptionCode.MISSED_CONNECTION: CodeTraits(_D, True, 2),
    ExceptionCode.LONG_HALT: CodeTraits(_C, False, 2),
    ExceptionCode.EXCESS_DWELL: CodeTraits(_C, False, 3),
    ExceptionCode.ROUTE_DEVIATION: CodeTraits(_C, False, 2),
    ExceptionCode.STOP_SKIPPED: CodeTraits(_D, False, 3),
    ExceptionCode.SEQUENCE_BREAK: CodeTraits(_D, False, 4),
    ExceptionCode.SLOW_PROGRESS: CodeTraits(_C, False, 3),
    ExceptionCode.SIGNAL_LOST: CodeTraits(_C, False, 3),
    ExceptionCode.MILESTONE_STALLED: CodeTraits(_C, False, 3),
    ExceptionCode.MILESTONE_CONFLICT: CodeTraits(_D, False, 4),
    ExceptionCode.MISLOAD: CodeTraits(_D, True, 2),
    ExceptionCode.CUSTODY_GAP: CodeTraits(_C, False, 2),
    ExceptionCode.ATTEMPT_FAILED: CodeTraits(_D, False, 3),
    ExceptionCode.REPEAT_ATTEMPT_FAILED: CodeTraits(_D, True, 2),
    ExceptionCode.ADDRESS_ISSUE: CodeTraits(_D, False, 3),
    ExceptionCode.REFUSED: CodeTraits(_D, False, 3),
    ExceptionCode.DAMAGED: CodeTraits(_D, False, 2),
    ExceptionCode.LOST_SUSPECTED: CodeTraits(_D, False, 1),
    ExceptionCode.HELD: CodeTraits(_C, False, 3),
    ExceptionCode.PICKUP_UNCOLLECTED: CodeTraits(_C, False, 3),
    ExceptionCode.UNPLANNED_RETURN: CodeTraits(_D, False, 2),
    ExceptionCode.POD_SUSPECT: CodeTraits(_D, False, 3),
    ExceptionCode.ROUTE_OVERLOADED: CodeTraits(_C, False, 2),
    ExceptionCode.CARRIER_FEED_DOWN: CodeTraits(_C, False, 1),
    ExceptionCode.HUB_DISRUPTION: CodeTraits(_C, False, 1),
    ExceptionCode.AREA_DISRUPTION: CodeTraits(_C, False, 1),
    ExceptionCode.DATA_QUALITY: CodeTraits(_C, False, 4),
}


class Transition(StrEnum):
    """What this record of an exception reports."""

    OPENED = "OPENED"
    UPDATED = "UPDATED"
    ESCALATED = "ESCALATED"
    ACKNOWLEDGED = "ACKNOWLEDGED"
    UNACKNOWLEDGED = "UNACKNOWLEDGED"
    SNOOZED = "SNOOZED"
    SUPPRESSED = "SUPPRESSED"
    RECOVERY_STARTED = "RECOVERY_STARTED"
    RESOLVED = "RESOLVED"
    CLOSED = "CLOSED"


class ExceptionStatus(StrEnum):
    """Where an exception stands."""

    OPEN = "OPEN"
    ACKNOWLEDGED = "ACKNOWLEDGED"
    IN_RECOVERY = "IN_RECOVERY"
    RESOLVED = "RESOLVED"
    CLOSED = "CLOSED"


class Resolution(StrEnum):
    """How an exception ended."""

    AUTO = "AUTO"
    MANUAL = "MANUAL"
    SUPERSEDED = "SUPERSEDED"
    RETRACTED = "RETRACTED"
    EXPIRED = "EXPIRED"


class SubjectType(StrEnum):
    """What an exception is about."""

    ROUTE = "route"
    SHIPMENT = "shipment"
    STOP = "stop"
    VEHICLE = "vehicle"
    CARRIER = "carrier"
    HUB = "hub"


class Reason(StrEnum):
    """Why a milestone failed; the prefix names the responsible party."""

    CARRIER_DAMAGED = "CARRIER_DAMAGED"
    CARRIER_MISSORT = "CARRIER_MISSORT"
    CARRIER_ADDRESS_NOT_FOUND = "CARRIER_ADDRESS_NOT_FOUND"
    CARRIER_LOST = "CARRIER_LOST"
    CARRIER_OUT_OF_TIME = "CARRIER_OUT_OF_TIME"
    CARRIER_VEHICLE = "CARRIER_VEHICLE"
    CARRIER_MECHANICAL = "CARRIER_MECHANICAL"
    CARRIER_CAPACITY = "CARRIER_CAPACITY"
    CARRIER_DRIVER = "CARRIER_DRIVER"
    CARRIER_ACCIDENT = "CARRIER_ACCIDENT"
    CARRIER_PREVIOUS_STOP = "CARRIER_PREVIOUS_STOP"
    CARRIER_IT = "CARRIER_IT"
    CARRIER_LABOR = "CARRIER_LABOR"
    SHIPPER_CANCELLED = "SHIPPER_CANCELLED"
    SHIPPER_BAD_DATA = "SHIPPER_BAD_DATA"
    SHIPPER_NOT_READY = "SHIPPER_NOT_READY"
    SHIPPER_WRONG_PARCEL = "SHIPPER_WRONG_PARCEL"
    SHIPPER_DIMENSIONS = "SHIPPER_DIMENSIONS"
    SHIPPER_PACKAGING = "SHIPPER_PACKAGING"
    CONSIGNEE_ABSENT = "CONSIGNEE_ABSENT"
    CONSIGNEE_CLOSED = "CONSIGNEE_CLOSED"
    CONSIGNEE_REFUSED = "CONSIGNEE_REFUSED"
    CONSIGNEE_CANCELLED = "CONSIGNEE_CANCELLED"
    CONSIGNEE_ADDRESS = "CONSIGNEE_ADDRESS"
    CONSIGNEE_MOVED = "CONSIGNEE_MOVED"
    CONSIGNEE_ACCESS = "CONSIGNEE_ACCESS"
    CONSIGNEE_VERIFICATION = "CONSIGNEE_VERIFICATION"
    CONSIGNEE_SAFE_PLACE = "CONSIGNEE_SAFE_PLACE"
    CONSIGNEE_RESCHEDULED = "CONSIGNEE_RESCHEDULED"
    CONSIGNEE_UNREACHABLE = "CONSIGNEE_UNREACHABLE"
    CONSIGNEE_PAYMENT = "CONSIGNEE_PAYMENT"
    CONSIGNEE_UNCOLLECTED = "CONSIGNEE_UNCOLLECTED"
    PUDO_FULL = "PUDO_FULL"
    PUDO_CLOSED = "PUDO_CLOSED"
    CUSTOMS_DELAY = "CUSTOMS_DELAY"
    CUSTOMS_DOCUMENTS = "CUSTOMS_DOCUMENTS"
    CUSTOMS_DUTIES = "CUSTOMS_DUTIES"
    CUSTOMS_PROHIBITED = "CUSTOMS_PROHIBITED"
    CUSTOMS_INSPECTION = "CUSTOMS_INSPECTION"
    ENV_WEATHER = "ENV_WEATHER"
    ENV_DISASTER = "ENV_DISASTER"
    ENV_FORCE_MAJEURE = "ENV_FORCE_MAJEURE"
    ENV_ROAD_CLOSED = "ENV_ROAD_CLOSED"
    ENV_CIVIL = "ENV_CIVIL"
    ENV_HOLIDAY = "ENV_HOLIDAY"
    ENV_TRAFFIC = "ENV_TRAFFIC"
    FACILITY_CONGESTION = "FACILITY_CONGESTION"
    SECURITY = "SECURITY"
    REGULATORY_HOLD = "REGULATORY_HOLD"
    UNDER_TRACE = "UNDER_TRACE"
    TELEMATICS_FAULT = "TELEMATICS_FAULT"
    UNKNOWN = "UNKNOWN"


_STOPS_THE_CLOCK = ("SHIPPER_", "CONSIGNEE_", "CUSTOMS_")


def stops_sla_clock(reason: Reason) -> bool:
    """True where the reason excuses the carrier, so the SLA clock stands still (contracts may differ)."""
    if reason is Reason.ENV_TRAFFIC:
        return False
    return reason.value.startswith((*_STOPS_THE_CLOCK, "ENV_"))


class StopKind(StrEnum):
    """What a planned stop is for."""

    DELIVERY = "delivery"
    PICKUP = "pickup"
    DEPOT = "depot"
    HUB = "hub"
    BREAK = "break"


class Phase(StrEnum):
    """How far a route has come."""

    PLANNED = "PLANNED"
    UNDERWAY = "UNDERWAY"
    ENDED = "ENDED"


class Motion(StrEnum):
    """How a vehicle stands to its plan right now; the ways to stand still are never mixed up."""

    UNKNOWN = "UNKNOWN"
    MOVING = "MOVING"
    PLANNED_DWELL = "PLANNED_DWELL"
    HALTED = "HALTED"
    PERMITTED_BREAK = "PERMITTED_BREAK"
    SIGNAL_LOST = "SIGNAL_LOST"


class RouteEnd(StrEnum):
    """Why a route ended."""

    LAST_STOP_SERVED = "LAST_STOP_SERVED"
    VEHICLE_ON_NEXT_ROUTE = "VEHICLE_ON_NEXT_ROUTE"
    PLAN_OVER = "PLAN_OVER"


class ActionName(StrEnum):
    """What can be done about an exception."""

    NOTIFY_CUSTOMER = "NOTIFY_CUSTOMER"
    CONFIRM_WITH_CUSTOMER = "CONFIRM_WITH_CUSTOMER"
    CONTACT_DRIVER = "CONTACT_DRIVER"
    CARRIER_CHECK_CALL = "CARRIER_CHECK_CALL"
    NOTIFY_OPS = "NOTIFY_OPS"
    ESCALATE = "ESCALATE"
    RESEQUENCE_ROUTE = "RESEQUENCE_ROUTE"
    REROUTE_VEHICLE = "REROUTE_VEHICLE"
    REASSIGN_STOPS = "REASSIGN_STOPS"
    REASSIGN_DRIVER = "REASSIGN_DRIVER"
    DISPATCH_RESCUE = "DISPATCH_RESCUE"
    REATTEMPT_DELIVERY = "REATTEMPT_DELIVERY"
    RESCHEDULE_DELIVERY = "RESCHEDULE_DELIVERY"
    CORRECT_ADDRESS = "CORRECT_ADDRESS"
    REDIRECT_TO_PUDO = "REDIRECT_TO_PUDO"
    HOLD_AT_HUB = "HOLD_AT_HUB"
    INTERCEPT_SHIPMENT = "INTERCEPT_SHIPMENT"
    EXPEDITE_LEG = "EXPEDITE_LEG"
    SWAP_CARRIER = "SWAP_CARRIER"
    RETURN_TO_SENDER = "RETURN_TO_SENDER"
    OPEN_TRACE = "OPEN_TRACE"
    REQUEST_POD_REVIEW = "REQUEST_POD_REVIEW"
    MONITOR = "MONITOR"


class Tier(StrEnum):
    """How far policy lets an action go by itself."""

    PROPOSE = "PROPOSE"
    ACT_WITH_APPROVAL = "ACT_WITH_APPROVAL"
    AUTO_EXECUTE = "AUTO_EXECUTE"


class ActionState(StrEnum):
    """Where an action stands."""

    PROPOSED = "PROPOSED"
    PENDING_APPROVAL = "PENDING_APPROVAL"
    APPROVED = "APPROVED"
    DISPATCHED = "DISPATCHED"
    ACCEPTED = "ACCEPTED"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    SUPERSEDED = "SUPERSEDED"
    CANCELLED = "CANCELLED"
    SUPPRESSED = "SUPPRESSED"


#: States after which an action never changes again.
TERMINAL_ACTION_STATES = frozenset(
    {
        ActionState.SUCCEEDED,
        ActionState.FAILED,
        ActionState.REJECTED,
        ActionState.EXPIRED,
        ActionState.SUPERSEDED,
        ActionState.CANCELLED,
        ActionState.SUPPRESSED,
    }
)


class SuppressReason(StrEnum):
    """Why an action was held back."""

    COOLDOWN = "COOLDOWN"
    COST_CAP = "COST_CAP"
    MAX_ATTEMPTS = "MAX_ATTEMPTS"
    QUIET_HOURS = "QUIET_HOURS"
    KILL_SWITCH = "KILL_SWITCH"
    MUTEX = "MUTEX"
    STALE_EXCEPTION = "STALE_EXCEPTION"
    TERMINAL_SHIPMENT = "TERMINAL_SHIPMENT"
    LOW_CONFIDENCE = "LOW_CONFIDENCE"
    NO_POLICY = "NO_POLICY"
    SHADOW = "SHADOW"


class FeedbackState(StrEnum):
    """What a dispatch system answers."""

    ACCEPTED = "ACCEPTED"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    REJECTED = "REJECTED"


class CommandKind(StrEnum):
    """What a person may tell the control tower."""

    ACKNOWLEDGE = "acknowledge"
    UNACKNOWLEDGE = "unacknowledge"
    SNOOZE = "snooze"
    RESOLVE = "resolve"
    ESCALATE = "escalate"
    DISPUTE = "dispute"
    APPROVE = "approve"
    REFUSE = "refuse"


class RejectReason(StrEnum):
    """Why an intake record went to dead-letters."""

    EMPTY = "EMPTY"
    TOO_LARGE = "TOO_LARGE"
    NOT_UTF8 = "NOT_UTF8"
    NOT_PARSABLE = "NOT_PARSABLE"
    TOO_DEEP = "TOO_DEEP"
    UNKNOWN_FEED = "UNKNOWN_FEED"
    UNKNOWN_SCHEMA = "UNKNOWN_SCHEMA"
    MISSING_FIELD = "MISSING_FIELD"
    WRONG_TYPE = "WRONG_TYPE"
    OUT_OF_RANGE = "OUT_OF_RANGE"
    BAD_TIME = "BAD_TIME"
    NO_SUBJECT = "NO_SUBJECT"


class ScoreSource(StrEnum):
    """What produced a score."""

    MODEL = "MODEL"
    RULE_NO_MODEL = "RULE_NO_MODEL"
    RULE_MODEL_REFUSED = "RULE_MODEL_REFUSED"
    RULE_NO_LIBRARY = "RULE_NO_LIBRARY"
