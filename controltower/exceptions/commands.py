"""What people may tell the owner of an exception, why it may refuse, and what it answers."""

from __future__ import annotations

from typing import Final

from controltower.exceptions import lifecycle
from controltower.exceptions.answering import HIGHEST_LEVEL, LONGEST_SNOOZE_MS
from controltower.exceptions.episode import Episode
from controltower.exceptions.lifecycle import Subject
from controltower.exceptions.machine import Step, find_move
from controltower.route.timeline import from_ms, to_ms
from schemas import wire
from schemas.vocabulary import CommandKind, CommandOutcome, Refusal, Resolution

_STEPS: Final = {
    CommandKind.ACKNOWLEDGE: Step.ACKNOWLEDGE,
    CommandKind.UNACKNOWLEDGE: Step.UNACKNOWLEDGE,
    CommandKind.SNOOZE: Step.SNOOZE,
    CommandKind.ESCALATE: Step.ESCALATE,
    CommandKind.RESOLVE: Step.RESOLVE,
    CommandKind.DISPUTE: Step.RESOLVE,
}
#: How the exception ends with this command: a disputed one was never true, so it is taken back.
ENDINGS: Final = {
    CommandKind.RESOLVE: Resolution.MANUAL,
    CommandKind.DISPUTE: Resolution.RETRACTED,
}
#: Brokers deliver twice within seconds; more than this many commands do not come in between.
_COMMANDS_KEPT: Final = 8


def is_copy(episode: Episode, command: wire.Command) -> bool:
    """True for a command that this exception has already taken."""
    return command.command_id in episode.command_ids


def note(episode: Episode, command: wire.Command) -> None:
    """Remember that it was taken."""
    episode.command_ids = [*episode.command_ids[1 - _COMMANDS_KEPT :], command.command_id]


def find_refusal(episode: Episode, command: wire.Command, now_ms: int) -> Refusal | None:
    """Why the command changes nothing, or None where it will be obeyed."""
    step = _STEPS.get(command.kind)
    if step is None:
        return Refusal.NOT_ALLOWED
    if find_move(step, episode.status, episode.marks) is None:
        return Refusal.NO_CHANGE if _is_so_already(episode, command.kind) else Refusal.NOT_ALLOWED
    if command.kind is CommandKind.ESCALATE and episode.escalation_level >= HIGHEST_LEVEL:
        return Refusal.HIGHEST_LEVEL
    if command.kind is CommandKind.DISPUTE and not (command.why or "").strip():
        return Refusal.WHY_MISSING
    return _find_wrong_until(command, now_ms) if command.kind is CommandKind.SNOOZE else None


def _is_so_already(episode: Episode, kind: CommandKind) -> bool:
    return episode.seen == (kind is CommandKind.ACKNOWLEDGE)


def _find_wrong_until(command: wire.Command, now_ms: int) -> Refusal | None:
    if command.until is None:
        return Refusal.UNTIL_MISSING
    ahead_ms = to_ms(command.until) - now_ms
    return None if 0 < ahead_ms <= LONGEST_SNOOZE_MS else Refusal.UNTIL_OUT_OF_RANGE


def obey(
    episode: Episode, command: wire.Command, subject: Subject, now_ms: int
) -> wire.ExceptionRecord | None:
    """Do what `find_refusal` found nothing against, unless it is an ending: those are the owner's to do."""
    if command.kind is CommandKind.ESCALATE:
        return lifecycle.escalate(episode, subject, now_ms)
    told = lifecycle.take_step(episode, _STEPS[command.kind])
    if command.kind is CommandKind.SNOOZE and command.until is not None:
        episode.snoozed, episode.snoozed_until_ms = True, to_ms(command.until)
    else:
        episode.seen = command.kind is CommandKind.ACKNOWLEDGE
        episode.waiting_since_ms = now_ms
    return None if told is None else lifecycle.tell(episode, subject, told, now_ms)


def answer(
    command: wire.Command, now_ms: int, refusal: Refusal | None, seq: int | None = None
) -> wire.CommandReply:
    """The reply to a command. `published_at` is set where it is published."""
    at = from_ms(now_ms)
    return wire.CommandReply(
        command_id=command.command_id,
        kind=command.kind,
        exception_id=command.exception_id,
        action_id=command.action_id,
        home=command.home,
        outcome=CommandOutcome.REFUSED if refusal else CommandOutcome.ACCEPTED,
        reason=refusal,
        seq=seq,
        decided_at=at,
        published_at=at,
    )
