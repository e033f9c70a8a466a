"""What people and the recovery stage tell the owner of an exception."""

from __future__ import annotations

from controltower.exceptions import lifecycle
from controltower.exceptions.episode import Episode
from controltower.route.judge import end_episode
from controltower.route.limits import Limits
from controltower.route.route import Effects, Route, subject_of
from schemas import wire
from schemas.vocabulary import ActionState, CommandKind, ExceptionStatus, Resolution, Transition

_HIGHEST_LEVEL = 3
#: Command -> (status it leads to, transition it is told as).
_STATUS_AFTER = {
    CommandKind.ACKNOWLEDGE: (ExceptionStatus.ACKNOWLEDGED, Transition.ACKNOWLEDGED),
    CommandKind.UNACKNOWLEDGE: (ExceptionStatus.OPEN, Transition.UNACKNOWLEDGED),
}


def _find(route: Route, exception_id: str | None) -> Episode | None:
    return next((e for e in route.state.episodes if e.exception_id == exception_id), None)


def apply_command(route: Route, command: wire.Command, limits: Limits, effects: Effects) -> None:
    """A command about an exception that has ended, or that changes nothing, changes nothing."""
    episode = _find(route, command.exception_id)
    if episode is None:
        effects.count("late")
        return
    now = route.state.clock_ms
    if command.kind in (CommandKind.RESOLVE, CommandKind.DISPUTE):
        retracted = command.kind is CommandKind.DISPUTE
        how = Resolution.RETRACTED if retracted else Resolution.MANUAL
        end_episode(route, episode, how, now, limits, effects)
        return
    transition = _change(episode, command)
    if transition is None:
        effects.count("duplicates")
        return
    effects.tell(lifecycle.tell(episode, subject_of(route, limits), transition, now))
    effects.count("exceptions", episode.code.value, transition.value)


def _change(episode: Episode, command: wire.Command) -> Transition | None:
    if command.kind in _STATUS_AFTER:
        status, transition = _STATUS_AFTER[command.kind]
        if episode.status is status:
            return None
        episode.status = status
        return transition
    if command.kind is CommandKind.SNOOZE and not episode.snoozed:
        episode.snoozed = True
        return Transition.SNOOZED
    if command.kind is CommandKind.ESCALATE and episode.escalation_level < _HIGHEST_LEVEL:
        episode.escalation_level += 1
        return Transition.ESCALATED
    return None


def apply_action(route: Route, action: wire.Action, limits: Limits, effects: Effects) -> None:
    """An action that went out puts its exception into recovery, once."""
    episode = _find(route, action.exception_id)
    if episode is None or action.state is not ActionState.DISPATCHED:
        return
    if episode.status is ExceptionStatus.IN_RECOVERY:
        return
    episode.status = ExceptionStatus.IN_RECOVERY
    record = lifecycle.tell(
        episode, subject_of(route, limits), Transition.RECOVERY_STARTED, route.state.clock_ms
    )
    effects.tell(record)
    effects.count("exceptions", episode.code.value, record.transition.value)
