"""Plays the dispatch system: answers the actions that reach it, so that the demo shows their whole life."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum

from controltower.clock import instant_of
from controltower.intake import RECEIVED_AT_HEADER
from controltower.streaming.stage import Out
from schemas.topics import COMMANDS, DISPATCH_FEEDBACK
from schemas.vocabulary import ActionState, CommandKind, FeedbackState
from schemas.wire import Action, Command, Feedback, encode

_BY = "demo-dispatch"


class Temper(Enum):
    """How the other side takes an action; by its id, so that the same action always meets the same answer."""

    WILLING = "accepts and does it"
    UNWILLING = "refuses"
    SILENT = "never answers"

    @staticmethod
    def towards(action_id: str) -> Temper:
        """Of ten actions about one is refused and two meet silence."""
        share = sum(action_id.encode()) % 10
        return Temper.UNWILLING if share == 0 else Temper.SILENT if share < 3 else Temper.WILLING


@dataclass(slots=True)
class Dispatcher:
    """Call `answer` now and then; each state of an action is answered once."""

    _answered: set[tuple[str, ActionState]] = field(default_factory=set)

    def answer(self, actions: Iterable[Action], now_ms: int) -> Iterator[Out]:
        """Records for dispatch-feedback and commands; `now_ms` is the day's clock."""
        for action in actions:
            place = (action.action_id, action.state)
            if place in self._answered:
                continue
            self._answered.add(place)
            match action.state, Temper.towards(action.action_id):
                case _, Temper.SILENT:
                    continue
                case ActionState.PENDING_APPROVAL, temper:
                    kind = CommandKind.APPROVE if temper is Temper.WILLING else CommandKind.REFUSE
                    yield _command(action, kind, now_ms)
                case ActionState.DISPATCHED, Temper.UNWILLING:
                    yield _feedback(action, FeedbackState.REJECTED, now_ms)
                case ActionState.DISPATCHED, _:
                    yield _feedback(action, FeedbackState.ACCEPTED, now_ms)
                case ActionState.ACCEPTED, _:
                    yield _feedback(action, FeedbackState.SUCCEEDED, now_ms)


def _feedback(action: Action, state: FeedbackState, now_ms: int) -> Out:
    answer = Feedback(
        action_id=action.action_id, home=action.home, state=state, by=_BY, occurred_at=instant_of(now_ms)
    )
    return Out(DISPATCH_FEEDBACK, action.action_id.encode(), encode(answer), headers=_received(now_ms))


def _command(action: Action, kind: CommandKind, now_ms: int) -> Out:
    command = Command(
        command_id=f"demo-{kind}-{action.action_id}",
        kind=kind,
        action_id=action.action_id,
        home=action.home,
        by=_BY,
        issued_at=instant_of(now_ms),
    )
    return Out(COMMANDS, action.action_id.encode(), encode(command), headers=_received(now_ms))


def _received(now_ms: int) -> tuple[tuple[str, bytes], ...]:
    return ((RECEIVED_AT_HEADER, b"%d" % now_ms),)
