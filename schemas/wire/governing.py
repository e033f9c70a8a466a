"""Which playbook and which limits hold for actions."""

from __future__ import annotations

from datetime import datetime

import msgspec

from schemas.vocabulary import ActionName, SwitchMode
from schemas.wire.parts import Source, WirePart


class PlaybookPublished(
    msgspec.Struct, tag_field="schema", tag="controltower.playbook/1", kw_only=True, gc=False
):
    text: str
    by: str
    why: str | None = None
    issued_at: datetime
    received_at: datetime | None = None
    source: Source | None = None


class Switch(msgspec.Struct, tag_field="schema", tag="controltower.switch/1", kw_only=True, gc=False):
    mode: SwitchMode
    tenant: str | None = None
    action: ActionName | None = None
    by: str
    why: str
    issued_at: datetime
    received_at: datetime | None = None
    source: Source | None = None


class CapAsked(WirePart, frozen=True, kw_only=True, gc=False):
    name: str
    bucket: str
    ends_at: datetime | None = None
    most: int | None = None
    most_cost: float | None = None


class PermitRequest(
    msgspec.Struct, tag_field="schema", tag="controltower.permit-request/1", kw_only=True, gc=False
):
    target: str
    action_id: str
    home: str
    cost: float = 0.0
    caps: tuple[CapAsked, ...]
    asked_at: datetime


class Permit(msgspec.Struct, tag_field="schema", tag="controltower.permit/1", kw_only=True, gc=False):
    target: str
    action_id: str
    home: str
    granted: bool
    cap: str | None = None
    again_at: datetime | None = None
    asked_at: datetime


class PermitReturn(
    msgspec.Struct, tag_field="schema", tag="controltower.permit-return/1", kw_only=True, gc=False
):
    target: str
    action_id: str
    home: str
    used: bool
    returned_at: datetime
