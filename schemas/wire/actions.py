"""What is done about an exception, by whom it is decided, and what became of it."""

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
    FeedbackState,
    Refusal,
    SuppressReason,
    Tier,
)
from schemas.wire.parts import WirePart


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
