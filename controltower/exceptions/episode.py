"""One exception from its opening to its end, and the record of each step of it."""

from __future__ import annotations

from typing import Any

import msgspec

from controltower.exceptions.answering import wait_ms
from controltower.exceptions.machine import Mark, Step
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
    #: a person has it
    seen: bool = False
    snoozed_until_ms: int = 0
    flapping: bool = False
    parent_id: str | None = None
    suppressed_by: str | None = None
    #: since when it waits for a person at its level
    waiting_since_ms: int = 0
    #: the last commands that it took, so that one that comes twice is answered once
    command_ids: list[str] = []
    #: of scored codes: feature, value, effect, words; and all of it in words
    explanation: list[tuple[str, float | None, float, str | None]] = []
    summary: str | None = None
    #: how many stops its last record listed
    stops_told: int = 0

    @property
    def marks(self) -> set[Mark]:
        """What is true of it besides its status."""
        facts = {
            Mark.CLEARED: bool(self.cleared_ms),
            Mark.SEEN: self.seen,
            Mark.SNOOZED: self.snoozed,
            Mark.SUPPRESSED: self.suppressed_by is not None,
            Mark.FLAPPING: self.flapping,
        }
        return {mark for mark, is_so in facts.items() if is_so}

    def due_at_level_ms(self) -> int | None:
        """When it escalates because nobody has taken it; None while it does not wait for a person."""
        if self.seen or self.snoozed or self.cleared_ms or self.suppressed_by is not None:
            return None
        wait = wait_ms(self.severity, self.escalation_level)
        return None if wait is None else (self.waiting_since_ms or self.detected_ms) + wait

    def next_step(self) -> tuple[int, Step] | None:
        """What the clock does to it next, and when: the end of a snooze, or one level up."""
        due_ms = self.due_at_level_ms()
        dues = [(due_ms, Step.ESCALATE)] if due_ms is not None else []
        if self.snoozed and self.snoozed_until_ms:
            dues.append((self.snoozed_until_ms, Step.WAKE))
        return min(dues, default=None)
