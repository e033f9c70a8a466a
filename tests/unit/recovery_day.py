"""A day of one partition of recovery-events, told step by step; times are seconds after its start."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import msgspec

from controltower.recovery.fold import RecoverFold
from controltower.recovery.playbook import Playbook, load_playbook
from controltower.streaming.stage import Commit, Record
from schemas import wire
from schemas.topics import DISPATCH, RECOVERY_EVENTS
from schemas.vocabulary import (
    CODE_TRAITS,
    CommandKind,
    ExceptionCode,
    ExceptionStatus,
    FeedbackState,
    Resolution,
    SubjectType,
    Transition,
)

START = datetime(2026, 3, 2, 8, tzinfo=UTC)
PARTITION = 1


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def exception(
    seconds: float,
    seq: int = 1,
    transition: Transition = Transition.OPENED,
    name: str = "e1",
    code: ExceptionCode = ExceptionCode.LONG_HALT,
    route: str = "r1",
    **changes: Any,
) -> wire.ExceptionRecord:
    """One record of one exception; it opened at the start of the day."""
    traits = CODE_TRAITS[code]
    fields: dict[str, Any] = {
        "status": ExceptionStatus.OPEN,
        "severity": traits.severity,
        "subject_type": SubjectType.ROUTE,
        "subject_id": route,
        "route_id": route,
        "home": f"route:{route}",
        **changes,
    }
    return wire.ExceptionRecord(
        exception_id=name,
        seq=seq,
        transition=transition,
        code=code,
        kind=traits.kind,
        latched=traits.latched,
        tenant="t",
        onset_at=START,
        detected_at=START,
        updated_at=at(seconds),
        published_at=at(seconds),
        generation=START,
        rule_version="1",
        **fields,
    )


def resolved(
    seconds: float, seq: int, name: str = "e1", resolution: Resolution = Resolution.AUTO, **changes: Any
) -> wire.ExceptionRecord:
    fields = {"status": ExceptionStatus.RESOLVED, "resolution": resolution, **changes}
    return exception(seconds, seq, Transition.RESOLVED, name, resolved_at=at(seconds), **fields)


def feedback(seconds: float, action_id: str, state: FeedbackState, home: str = "route:r1") -> wire.Feedback:
    return wire.Feedback(
        action_id=action_id, home=home, state=state, occurred_at=at(seconds), received_at=at(seconds)
    )


def command(seconds: float, action_id: str, kind: CommandKind, home: str = "route:r1") -> wire.Command:
    return wire.Command(
        command_id="c", kind=kind, action_id=action_id, home=home, by="op", issued_at=at(seconds)
    )


def tick(seconds: float, source: str = f"route-events/{PARTITION}") -> wire.Tick:
    return wire.Tick(source=source, sources=1, upto=at(seconds))


@cache
def _shipped() -> Playbook:
    return load_playbook()


def make_fold(playbook: Playbook | None = None) -> RecoverFold:
    return RecoverFold(PARTITION, 4, playbook or _shipped(), lambda: 0)


def as_records(events: Sequence[wire.RecoveryEvent], first_offset: int = 0) -> list[Record]:
    return [
        Record(RECOVERY_EVENTS, PARTITION, first_offset + i, 0, None, wire.encode(event))
        for i, event in enumerate(events)
    ]


def log_records(log: Sequence[bytes]) -> list[Record]:
    """A log as it stood, permits included, to be folded again."""
    return [Record(RECOVERY_EVENTS, PARTITION, at, 0, None, value) for at, value in enumerate(log)]


def actions_of(commit: Commit) -> list[wire.Action]:
    """What went to dispatch, in order."""
    values = [out.value for out in commit.outputs if out.topic == DISPATCH]
    return [msgspec.json.decode(value, type=wire.Action) for value in values if value is not None]


def permits_of(commit: Commit) -> list[Record]:
    """Questions and answers about permits, as the log of recovery will bring them back."""
    return [
        Record(RECOVERY_EVENTS, PARTITION, 0, 0, out.key, out.value)
        for out in commit.outputs
        if out.topic == RECOVERY_EVENTS
    ]


class Day:
    """Folds what happens, one record per poll, and keeps all action records.

    The partition is its homes' and their targets' alike: what it writes into its own log comes at once.
    """

    def __init__(self, playbook: Playbook | None = None) -> None:
        self.playbook = playbook or _shipped()
        self.fold = make_fold(self.playbook)
        self.actions: list[wire.Action] = []
        self.commits: list[Commit] = []
        #: all that was folded, permits included
        self.log: list[bytes] = []

    def happen(self, *events: wire.RecoveryEvent) -> list[wire.Action]:
        """The action records that follow from the events."""
        fresh: list[wire.Action] = []
        for event in events:
            waiting = as_records([event])
            while waiting:
                self.log.append(waiting[0].value or b"")
                commit = self.fold.fold(waiting[:1])
                self.commits.append(commit)
                fresh += actions_of(commit)
                waiting = [*waiting[1:], *permits_of(commit)]
        self.actions += fresh
        return fresh

    def told(self, *events: wire.RecoveryEvent) -> list[str]:
        """The same as short text: `CONTACT_DRIVER DISPATCHED`, with the reason where one was held back."""
        return [tell(action) for action in self.happen(*events)]


def tell(action: wire.Action) -> str:
    because = f" {action.suppressed_because.value}" if action.suppressed_because else ""
    return f"{action.action.value} {action.state.value}{because}"
