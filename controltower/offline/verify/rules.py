"""Which records of a topic a stage wrote, and how they are compared with what its fold writes again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec

from controltower.streaming.stage import Out, Record
from schemas.topics import (
    AREA_EVENTS,
    COMMAND_REPLIES,
    DEAD_LETTERS,
    DISPATCH,
    EXCEPTIONS,
    FEED_STATUS,
    RECOVERY_EVENTS,
    ROUTE_EVENTS,
    ROUTE_STATUS,
    SCORE_REQUESTS,
    SHIPMENT_EVENTS,
    SHIPMENT_STATUS,
)

_SCAN, _PLAN, _TICK = "controltower.scan/1", "controltower.plan/1", "controltower.tick/1"
_MOVED, _ASSIGNMENT = "controltower.vehicle-moved/1", "controltower.assignment/1"
_QUESTION = "controltower.score-request/1"
_HAUL_PLAN, _HAUL_QUESTION = "controltower.haul-plan/1", "controltower.haul-request/1"
_EXCEPTION, _ACTION = "controltower.exception/1", "controltower.action/1"
_JUDGED, _SUPPRESSION = "controltower.feeds-judged/1", "controltower.suppression/1"
_READ = "controltower.shipments-read/1"
_GOVERNING = ("controltower.playbook/1", "controltower.switch/1")
_PERMITS = ("controltower.permit-request/1", "controltower.permit/1", "controltower.permit-return/1")
_ANSWERED_BY_RECOVER = ("approve", "refuse")
_COMMAND, _FEEDBACK = "controltower.command/1", "controltower.feedback/1"


class How(StrEnum):
    """IN_ORDER: one writer per partition. AS_SET: several. LATEST: only the last record per key counts."""

    IN_ORDER = "in order"
    AS_SET = "as a set"
    LATEST = "latest per key"


class Header(msgspec.Struct, frozen=True):
    """The fields that tell who wrote a record."""

    schema: str = ""
    home: str = ""
    kind: str = ""
    shipment_ids: tuple[str, ...] = ()
    source: Any = None


Wrote = Callable[[Header], bool]


@dataclass(slots=True, frozen=True)
class Rule:
    """`wrote` tells the stage's records from those of other writers into the same topic."""

    stage: str
    topic: str
    how: How
    wrote: Wrote


def _schemas(*schemas: str) -> Wrote:
    return lambda header: header.schema in schemas


def _of_assign(header: Header) -> bool:
    return header.home.startswith(("shipment:", "carrier:", "hub:"))


def _approval(header: Header) -> bool:
    """A command about an action is obeyed and answered by recover, whatever its home."""
    return header.kind in _ANSWERED_BY_RECOVER


def _parents(header: Header) -> bool:
    return header.schema == _EXCEPTION and _of_assign(header)


def _any(_header: Header) -> bool:
    return True


def _passed_on(header: Header) -> bool:
    """A scan that names shipments goes through their log before its route's; the same stage says up to when
    they are read, and tells the verdicts."""
    return (header.schema == _SCAN and bool(header.shipment_ids)) or header.schema in (
        _JUDGED,
        _SUPPRESSION,
        _READ,
    )


def _told_to_recovery(header: Header) -> bool:
    """Exceptions, and the clock of the routes, which is passed on behind everything it led to."""
    return (header.schema == _EXCEPTION and not _of_assign(header)) or (
        header.schema == _TICK and str(header.source).startswith(f"{ROUTE_EVENTS}/")
    )


def _straight(header: Header) -> bool:
    return header.schema in (_PLAN, _MOVED, _COMMAND) or (header.schema == _SCAN and not header.shipment_ids)


RULES: tuple[Rule, ...] = (
    Rule("normalize", ROUTE_EVENTS, How.AS_SET, _straight),
    Rule("normalize", SHIPMENT_EVENTS, How.AS_SET, _schemas(_SCAN, _ASSIGNMENT, _COMMAND, _HAUL_PLAN)),
    Rule("normalize", RECOVERY_EVENTS, How.AS_SET, _schemas(_COMMAND, _FEEDBACK, *_GOVERNING)),
    Rule("normalize", AREA_EVENTS, How.AS_SET, _schemas(_COMMAND)),
    Rule("normalize", DEAD_LETTERS, How.AS_SET, _any),
    Rule("assign", EXCEPTIONS, How.AS_SET, _of_assign),
    Rule("assign", FEED_STATUS, How.LATEST, _any),
    Rule("assign", ROUTE_EVENTS, How.AS_SET, _passed_on),
    Rule("assign", SCORE_REQUESTS, How.AS_SET, _schemas(_HAUL_QUESTION)),
    Rule("assign", SHIPMENT_STATUS, How.LATEST, _any),
    Rule("track", EXCEPTIONS, How.IN_ORDER, lambda header: not _of_assign(header)),
    Rule("assign", COMMAND_REPLIES, How.AS_SET, lambda header: _of_assign(header) and not _approval(header)),
    Rule(
        "assign",
        RECOVERY_EVENTS,
        How.AS_SET,
        lambda header: header.schema == _EXCEPTION and _of_assign(header),
    ),
    Rule(
        "track", COMMAND_REPLIES, How.IN_ORDER, lambda header: not (_of_assign(header) or _approval(header))
    ),
    Rule("track", RECOVERY_EVENTS, How.IN_ORDER, _told_to_recovery),
    Rule("track", AREA_EVENTS, How.AS_SET, _schemas(_EXCEPTION, _TICK)),
    Rule("track", SCORE_REQUESTS, How.IN_ORDER, _schemas(_QUESTION)),
    Rule("track", ROUTE_STATUS, How.LATEST, _any),
    Rule("recover", DISPATCH, How.IN_ORDER, _any),
    Rule("recover", ROUTE_EVENTS, How.IN_ORDER, _schemas(_ACTION)),
    Rule("recover", AREA_EVENTS, How.AS_SET, _schemas(_ACTION)),
    Rule("recover", RECOVERY_EVENTS, How.AS_SET, _schemas(*_PERMITS)),
    Rule("recover", COMMAND_REPLIES, How.AS_SET, _approval),
    Rule("recover", SHIPMENT_EVENTS, How.IN_ORDER, _schemas(_ACTION)),
)

_decode: Callable[[bytes], Header] = msgspec.json.Decoder(Header).decode


def written(rule: Rule, record: Record | Out) -> bool:
    """Whether the rule's stage wrote this record, or writes it again."""
    if rule.topic == DEAD_LETTERS:
        return True
    if record.value is None:
        return False
    try:
        return rule.wrote(_decode(record.value))
    except msgspec.DecodeError:
        return False
