"""One exception from its opening to its end, and the record of each step of it."""

from __future__ import annotations

from typing import Any

import msgspec

from schemas.vocabulary import ExceptionCode, ExceptionStatus


class Trigger(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The record that a transition rests on."""

    topic: str
    partition: int
    offset: int
    scan_id: str | None = None


class Episode(msgspec.Struct, array_like=True):
    """The life of one exception so far. Times in ms; 0 where not yet. Kept in the route's state."""

    exception_id: str
    code: ExceptionCode
    scope: str
    generation_ms: int
    onset_ms: int
    detected_ms: int
    severity: int
    seq: int = 0
    status: ExceptionStatus = ExceptionStatus.OPEN
    cleared_ms: int = 0
    occurrences: int = 1
    escalation_level: int = 0
    snoozed: bool = False
    stop_id: str | None = None
    metrics: dict[str, Any] = {}
    model_version: str | None = None
    trigger: Trigger | None = None
    action_ids: list[str] = []
