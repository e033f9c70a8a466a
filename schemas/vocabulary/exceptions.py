"""What went wrong, how an exception stands, and how it ended."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


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
