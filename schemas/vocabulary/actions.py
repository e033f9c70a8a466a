"""What is done about an exception, and what people and dispatch systems say."""

from __future__ import annotations

from enum import StrEnum


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


class CommandOutcome(StrEnum):
    """What became of a command."""

    ACCEPTED = "ACCEPTED"
    REFUSED = "REFUSED"


class Refusal(StrEnum):
    """Why a command changed nothing."""

    NOT_OPEN = "NOT_OPEN"
    NO_CHANGE = "NO_CHANGE"
    NOT_ALLOWED = "NOT_ALLOWED"
    HIGHEST_LEVEL = "HIGHEST_LEVEL"
    WHY_MISSING = "WHY_MISSING"
    UNTIL_MISSING = "UNTIL_MISSING"
    UNTIL_OUT_OF_RANGE = "UNTIL_OUT_OF_RANGE"
    SAME_PERSON = "SAME_PERSON"


class SwitchMode(StrEnum):
    """What a switch lets recovery do."""

    ACT = "act"
    SHADOW = "shadow"
    OFF = "off"


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
