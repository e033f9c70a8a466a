"""What governs recovery: published playbooks, switches, and permits for what spans routes."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field

from schemas.base import Finite, Identifier, Instant, Message, NonNegative, Part, Source
from schemas.vocabulary import ActionName, SwitchMode

PLAYBOOK_SCHEMA: Final = "controltower.playbook/1"
SWITCH_SCHEMA: Final = "controltower.switch/1"


class PlaybookPublished(Message):
    """A playbook that is in force from here on; of several the one that the broker took last counts."""

    schema_: Literal["controltower.playbook/1"] = Field(default=PLAYBOOK_SCHEMA, alias="schema")
    text: str = Field(min_length=1, max_length=500_000, description="the YAML file")
    by: Identifier
    why: str | None = None
    issued_at: Instant
    received_at: Instant | None = Field(default=None, description="set by normalize")
    source: Source | None = Field(default=None, description="set by normalize")


class Switch(Message):
    """Stops actions, lets them run in shadow, or lets them act again; the last one of a scope counts.

    Without tenant and action it is for everything. Of several that cover an action the strictest holds.
    """

    schema_: Literal["controltower.switch/1"] = Field(default=SWITCH_SCHEMA, alias="schema")
    mode: SwitchMode
    tenant: Identifier | None = None
    action: ActionName | None = None
    by: Identifier
    why: str = Field(min_length=1)
    issued_at: Instant
    received_at: Instant | None = Field(default=None, description="set by normalize")
    source: Source | None = Field(default=None, description="set by normalize")


class CapAsked(Part):
    """One cap of the playbook as it stands for one action."""

    name: str
    bucket: str = Field(description="the hour or day that counts; `open`: while the action is under way")
    ends_at: Instant | None = Field(default=None, description="end of the bucket; null for `open`")
    most: int | None = None
    most_cost: Finite | None = None


class PermitRequest(Message):
    """An action is about to be sent: may it, as far as its carrier, vehicle, tenant ... is concerned?"""

    schema_: Literal["controltower.permit-request/1"] = Field(
        default="controltower.permit-request/1", alias="schema"
    )
    target: Identifier = Field(description="<carrier, vehicle, ...>:<tenant>/<id>; the key of this record")
    action_id: Identifier
    home: str
    cost: NonNegative = 0
    caps: tuple[CapAsked, ...]
    asked_at: Instant = Field(description="stream time of the home")


class Permit(Message):
    """The answer, in the log of the action's home. What was granted is used at once or returned."""

    schema_: Literal["controltower.permit/1"] = Field(default="controltower.permit/1", alias="schema")
    target: Identifier
    action_id: Identifier
    home: str
    granted: bool
    cap: str | None = Field(default=None, description="which cap refused")
    again_at: Instant | None = Field(default=None, description="when asking again may help")
    asked_at: Instant


class PermitReturn(Message):
    """An action that had a permit is over, or was not sent after all."""

    schema_: Literal["controltower.permit-return/1"] = Field(
        default="controltower.permit-return/1", alias="schema"
    )
    target: Identifier
    action_id: Identifier
    home: str
    used: bool = Field(description="the action was sent, so it counts until its hour or day is over")
    returned_at: Instant
