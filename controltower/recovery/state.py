"""What recovery remembers of one home: open exceptions and actions, cooldowns, costs. Times in ms."""

from __future__ import annotations

from typing import Any

import msgspec

from schemas import wire
from schemas.vocabulary import ExceptionCode, SuppressReason

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

    def is_forgotten(self) -> bool:
        """Nothing is left to remember."""
        return not (self.cases or self.ended)


encode_home = msgspec.msgpack.Encoder().encode
decode_home = msgspec.msgpack.Decoder(HomeState).decode
