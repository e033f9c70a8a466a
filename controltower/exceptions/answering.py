"""Who answers an exception, how long it may go without a person, when it flaps. Data, with its reasons."""

from __future__ import annotations

from typing import Final

from controltower.route.timeline import MINUTE_MS
from schemas import wire
from schemas.vocabulary import ExceptionCode as Code

HIGHEST_LEVEL: Final = 3
#: Time without a person until the next level (1, 2, 3), by severity. Severity 1 concerns many parcels or a
#: broken promise: three levels within 40 min. Severity 3 costs one stop, which an hour may still save.
#: Severity 4 is for the weekly review and never escalates.
_WAITS_MIN: Final[dict[int, tuple[int, ...]]] = {1: (10, 10, 20), 2: (20, 20, 40), 3: (60, 60, 120)}
#: From its fourth opening on an exception flaps: one more return within the hold of 5 min is noise by then.
FLAPPING_FROM: Final = 4
#: The hold of an exception that flaps, in place of 5 min.
FLAPPING_HOLD_MS: Final = 15 * MINUTE_MS
#: A snooze beyond a week hides a problem for good; that is what `resolve` and `dispute` are for.
LONGEST_SNOOZE_MS: Final = 7 * 24 * 60 * MINUTE_MS

_DISPATCH, _CARRIER = "dispatch", "carrier"
_OWNERS: Final[dict[Code, wire.Owner]] = {
    Code.SIGNAL_LOST: wire.Owner("telematics", _CARRIER),
    Code.CARRIER_FEED_DOWN: wire.Owner("integration", _CARRIER),
    Code.DATA_QUALITY: wire.Owner("integration", _CARRIER),
    Code.MILESTONE_CONFLICT: wire.Owner("integration", _CARRIER),
    Code.HUB_DISRUPTION: wire.Owner("hub", "facility"),
    Code.MISSED_CONNECTION: wire.Owner("hub", "facility"),
    Code.MISLOAD: wire.Owner("hub", "facility"),
    Code.CUSTODY_GAP: wire.Owner("hub", "facility"),
    Code.AREA_DISRUPTION: wire.Owner(_DISPATCH, "environment"),
    Code.MISSED_PICKUP: wire.Owner("customer-service", "shipper"),
    Code.ADDRESS_ISSUE: wire.Owner("customer-service", "consignee"),
    Code.REFUSED: wire.Owner("customer-service", "consignee"),
    Code.ATTEMPT_FAILED: wire.Owner("customer-service", "consignee"),
    Code.REPEAT_ATTEMPT_FAILED: wire.Owner("customer-service", "consignee"),
    Code.PICKUP_UNCOLLECTED: wire.Owner("customer-service", "consignee"),
    Code.DAMAGED: wire.Owner("claims", _CARRIER),
    Code.LOST_SUSPECTED: wire.Owner("claims", _CARRIER),
    Code.POD_SUSPECT: wire.Owner("claims", _CARRIER),
}
_ANYONE: Final = wire.Owner(_DISPATCH, _CARRIER)


def owner_of(code: Code) -> wire.Owner:
    """The team that answers, and the kind of party that it turns to."""
    return _OWNERS.get(code, _ANYONE)


def wait_ms(severity: int, level: int) -> int | None:
    """How long nobody may have taken an exception at this level before the next one; None: for ever."""
    waits = _WAITS_MIN.get(severity, ())
    return waits[level] * MINUTE_MS if level < len(waits) else None
