"""What recovery remembers of one home: open exceptions and actions, cooldowns, costs. Times in ms."""

from __future__ import annotations

from typing import Any

import msgspec

from controltower.stamped import open_stamped, stamp
from schemas import wire
from schemas.vocabulary import ExceptionCode, SuppressReason

#: 2: a byte for the schema. 3: permits, without which an older version would send beyond its caps.
SCHEMA = 3
#: A home without open exceptions is forgotten after this; no cooldown is longer.
KEEP_MS = 24 * 3600 * 1000


class Case(msgspec.Struct, array_like=True, kw_only=True):
    """One open exception as its last record told it, and what was done about it."""

    exception_id: str
    code: ExceptionCode
    seq: int
    tenant: str
    subject: str
    route_id: str | None
    severity: int
    occurrences: int
    #: the condition is over for now, or a person or a parent exception silenced it
    cleared: bool
    muted: bool
    respond_by_ms: int | None
    facts: dict[str, Any]
    #: action -> records numbered so far, suppressed ones included
    attempts: dict[str, int] = {}
    #: action -> times it was put forward
    tried: dict[str, int] = {}
    #: action -> why it is held back; told once until that changes
    held: dict[str, SuppressReason] = {}
    #: an action for it failed, was rejected by dispatch, or expired without an answer
    failed: bool = False
    carrier: str | None = None
    zone: str | None = None
    service_tier: str | None = None
    shipment_id: str | None = None
    vehicle_id: str | None = None
    #: degrees; where nothing else says in which time zone the recipient lives
    lon: float | None = None
    #: action that is held back -> when it is weighed again
    wakes: dict[str, int] = {}
    #: action that succeeded and may have to be put right -> its id
    done: dict[str, str] = {}


class Asked(msgspec.Struct, array_like=True):
    """What one target was asked for an action. `counts_open`: it is told when the action is over."""

    target: str
    counts_open: bool
    granted: bool = False
    #: a permit for an hour or a day is of no use after it
    ends_ms: int | None = None


class Permits(msgspec.Struct, array_like=True):
    """The permits of one action: it is sent once all are granted."""

    asked: list[Asked]
    sent: bool = False


class HomeState(msgspec.Struct, array_like=True):
    """All that recovery knows of one home. `at_ms` is the stream time of its last change."""

    home: str
    at_ms: int = 0
    cases: dict[str, Case] = {}
    #: the last record of every action that is not at its end, by action_id
    actions: dict[str, wire.Action] = {}
    #: action -> stream time from which it may be taken again
    cooldowns: dict[str, int] = {}
    spent: float = 0.0
    #: exceptions that ended; a later record of theirs changes nothing
    ended: list[str] = []
    #: by action_id
    permits: dict[str, Permits] = {}
    #: shipment or stop -> messages sent to its customer
    messages: dict[str, int] = {}
    #: the last commands, so that a copy is not answered again
    command_ids: list[str] = []

    def is_forgotten(self) -> bool:
        """Nothing is left to remember."""
        return not (self.cases or self.ended)


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(HomeState).decode


def encode_home(home: HomeState) -> bytes:
    """Bytes for the changelog."""
    return stamp(SCHEMA, _encode(home))


def decode_home(value: bytes) -> HomeState:
    """Raises Refused where the schema is newer than this one."""
    return _decode(open_stamped(value, SCHEMA, "a home")[1])
