"""What people and other stages tell the owner of an exception."""

from __future__ import annotations

from controltower.exceptions import commands, lifecycle
from controltower.exceptions.episode import Episode
from controltower.route.judge import end_episode, say
from controltower.route.limits import Limits
from controltower.route.route import Effects, Route, subject_of
from controltower.route.timeline import to_ms
from schemas import wire
from schemas.vocabulary import ActionState, CommandKind, CommandOutcome, Refusal


def _find(route: Route, exception_id: str | None) -> Episode | None:
    return next((e for e in route.state.episodes if e.exception_id == exception_id), None)


def apply_command(route: Route, command: wire.Command, limits: Limits, effects: Effects) -> None:
    """Obey it or say why not. A copy of a command changes nothing and is not answered again."""
    episode, now = _find(route, command.exception_id), route.state.clock_ms
    if episode is None:
        refuse(command, Refusal.NOT_OPEN, now, effects)
        return
    if commands.is_copy(episode, command):
        effects.count("duplicates")
        return
    refusal = commands.find_refusal(episode, command, now)
    if refusal is not None:
        refuse(command, refusal, now, effects)
        return
    commands.note(episode, command)
    ending = commands.ENDINGS.get(command.kind)
    if ending is not None:
        end_episode(route, episode, ending, now, limits, effects)
    else:
        say(route, effects, commands.obey(episode, command, subject_of(route, limits), now))
    if command.kind is CommandKind.DISPUTE:
        effects.count("disputed", episode.code.value)
    _reply(commands.answer(command, now, None, episode.seq), effects)


def refuse(command: wire.Command, because: Refusal, now_ms: int, effects: Effects) -> None:
    """Answer that it changed nothing, and why. now_ms 0: no clock of a route, so its own time counts."""
    at_ms = now_ms or to_ms(command.received_at or command.issued_at)
    _reply(commands.answer(command, at_ms, because), effects)


def _reply(reply: wire.CommandReply, effects: Effects) -> None:
    effects.tell(reply)
    outcome = reply.reason.value if reply.reason else CommandOutcome.ACCEPTED.value
    effects.count("commands", reply.kind.value, outcome)


def apply_action(route: Route, action: wire.Action, limits: Limits, effects: Effects) -> None:
    """An action that went out puts its exception into recovery, once."""
    episode = _find(route, action.exception_id)
    if episode is None or action.state is not ActionState.DISPATCHED:
        return
    say(route, effects, lifecycle.start_recovery(episode, subject_of(route, limits), route.state.clock_ms))


def apply_suppression(route: Route, answer: wire.Suppression, limits: Limits, effects: Effects) -> None:
    """A parent takes over a child, or gives it back; a child that has ended meanwhile needs neither."""
    episode, now = _find(route, answer.exception_id), route.state.clock_ms
    if episode is None:
        effects.count("late")
        return
    change = lifecycle.suppress if answer.suppressed else lifecycle.release
    say(route, effects, change(episode, subject_of(route, limits), answer.parent_id, now))
