"""Recovery actions, what dispatch answers, and what people command."""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import Field, model_validator

from schemas.base import Identifier, Instant, Message, NonNegative, Part
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

ACTION_SCHEMA: Final = "controltower.action/1"
FEEDBACK_SCHEMA: Final = "controltower.feedback/1"
COMMAND_SCHEMA: Final = "controltower.command/1"
COMMAND_REPLY_SCHEMA: Final = "controltower.command-reply/1"


class Alternative(Part):
    """Another action that was weighed, and why it was not taken."""

    action: ActionName
    why_not: str


class Approval(Part):
    """One person's yes or no to an action."""

    by: str
    approved: bool = True
    role: str | None = None
    why: str | None = None
    at: Instant


class Action(Message):
    """One transition of one recovery action. Keep the highest `seq` per `action_id`."""

    schema_: Literal["controltower.action/1"] = Field(default=ACTION_SCHEMA, alias="schema")
    action_id: Identifier
    seq: int = Field(ge=1)
    exception_id: Identifier
    home: str
    tenant: Identifier
    action: ActionName
    code: ExceptionCode = Field(description="code of the exception that is answered")
    attempt: int = Field(ge=1)
    state: ActionState
    tier: Tier
    subject: str
    route_id: str | None = None
    parameters: dict[str, Any] = Field(default_factory=dict)
    reason: str = Field(description="the rule of the playbook that decided, in one line")
    alternatives: tuple[Alternative, ...] = ()
    cost: NonNegative = 0
    expected_gain_s: NonNegative = 0
    expires_at: Instant | None = None
    idempotency_key: str
    suppressed_because: SuppressReason | None = None
    policy_version: str
    decided_at: Instant = Field(description="stream time of the decision")
    published_at: Instant
    rule: str | None = Field(
        default=None, description="rule and step of the playbook that decided: <code>[/<scoped rule>][<step>]"
    )
    limit: str | None = Field(default=None, description="name of the cap that held it back")
    approver: str | None = Field(default=None, description="role that an approval must name")
    approvals_needed: int = Field(default=0, ge=0, description="different persons who must approve")
    approvals: tuple[Approval, ...] = Field(default=(), description="who approved or refused, and why")
    answered_by: str | None = Field(default=None, description="of the last answer of dispatch")
    answer_reason: str | None = None
    compensates: str | None = Field(default=None, description="action_id of what this puts right")
    take_back: bool = Field(
        default=False,
        description="it ends although it was sent: a dispatch system stops it where it still can",
    )


class Feedback(Message):
    """What the dispatch system answers to an action."""

    schema_: Literal["controltower.feedback/1"] = Field(default=FEEDBACK_SCHEMA, alias="schema")
    action_id: Identifier
    home: str
    state: FeedbackState
    reason: str | None = None
    by: str | None = None
    occurred_at: Instant
    received_at: Instant | None = Field(default=None, description="set by normalize")


class Command(Message):
    """What a person tells the control tower about one exception or one action."""

    schema_: Literal["controltower.command/1"] = Field(default=COMMAND_SCHEMA, alias="schema")
    command_id: Identifier
    kind: CommandKind
    exception_id: str | None = None
    action_id: str | None = None
    home: str
    by: Identifier
    why: str | None = None
    until: Instant | None = None
    issued_at: Instant
    received_at: Instant | None = Field(default=None, description="set by normalize")
    role: str | None = Field(default=None, description="in which role the person approves or refuses")

    @model_validator(mode="after")
    def _one_target(self) -> Command:
        if (self.exception_id is None) == (self.action_id is None):
            raise ValueError("exactly one of exception_id and action_id")
        return self


class CommandReply(Message):
    """What became of one command. A command that is sent twice is answered once."""

    schema_: Literal["controltower.command-reply/1"] = Field(default=COMMAND_REPLY_SCHEMA, alias="schema")
    command_id: Identifier
    kind: CommandKind
    exception_id: str | None = None
    action_id: str | None = None
    home: str
    outcome: CommandOutcome
    reason: Refusal | None = Field(default=None, description="why it was refused; null where accepted")
    seq: int | None = Field(default=None, description="of the exception record that the command led to")
    decided_at: Instant = Field(description="stream time of the decision")
    published_at: Instant
