"""A dispatch system and its people, played: every way in which the other side may take an action.

Pure: `hear` takes what stands on the topic dispatch, `say` gives what is due. Which way an action is taken is
a function of its id, so the same action always meets the same answers.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum

from controltower.clock import epoch_ms_of, instant_of
from controltower.intake import RECEIVED_AT_HEADER
from controltower.streaming.stage import Out
from schemas.topics import COMMANDS, DISPATCH_FEEDBACK
from schemas.vocabulary import ActionState, CommandKind, FeedbackState
from schemas.wire import Action, Command, Feedback, encode

_BY = "reference-dispatch"
_AWAITS_PERSON = (ActionState.PROPOSED, ActionState.PENDING_APPROVAL)
_LATE_MS = 60_000


class Temper(Enum):
    """How the other side takes an action."""

    WILLING = "accepts and does it"
    UNWILLING = "refuses"
    SILENT = "never answers"
    TOO_LATE = "answers when the action has expired"
    SLOW = "answers when most of its time is over"
    TWICE = "says everything twice"
    FAILING = "accepts and fails"

    @staticmethod
    def towards(action_id: str) -> Temper:
        """Of ten actions four are done without ado; each other way takes one."""
        share = sum(action_id.encode()) % 10
        return _TEMPERS[share] if share < len(_TEMPERS) else Temper.WILLING


_TEMPERS = (
    Temper.UNWILLING,
    Temper.SILENT,
    Temper.TOO_LATE,
    Temper.SLOW,
    Temper.TWICE,
    Temper.FAILING,
)


@dataclass(slots=True)
class Dispatcher:
    """Each state of an action is answered once, and each approval that is still missing."""

    temper_of: Callable[[str], Temper] = Temper.towards
    _heard: set[tuple[str, ActionState, int]] = field(default_factory=set)
    _due: list[tuple[int, int, Out]] = field(default_factory=list)
    _count: int = 0

    def answer(self, actions: Iterable[Action], now_ms: int) -> Iterator[Out]:
        """Records for dispatch-feedback and commands that are due; `now_ms` is the day's clock."""
        for action in actions:
            self.hear(action, now_ms)
        return self.say(now_ms)

    def hear(self, action: Action, now_ms: int) -> None:
        """Take note of one record of the topic dispatch."""
        place = (action.action_id, action.state, len(action.approvals))
        if place in self._heard:
            return
        self._heard.add(place)
        temper = self.temper_of(action.action_id)
        if temper is Temper.SILENT:
            return
        if action.state in _AWAITS_PERSON:
            self._plan(now_ms, _decide(action, temper, now_ms))
        elif action.state in (ActionState.DISPATCHED, ActionState.ACCEPTED):
            at_ms = _when(action, temper, now_ms)
            for _ in range(2 if temper is Temper.TWICE else 1):
                self._plan(at_ms, _feedback(action, _answer(action, temper), at_ms))

    def say(self, now_ms: int) -> Iterator[Out]:
        """All that is due, in order of time."""
        while self._due and self._due[0][0] <= now_ms:
            yield heapq.heappop(self._due)[2]

    def _plan(self, at_ms: int, out: Out) -> None:
        self._count += 1
        heapq.heappush(self._due, (at_ms, self._count, out))


def _when(action: Action, temper: Temper, now_ms: int) -> int:
    if action.expires_at is None or temper not in (Temper.SLOW, Temper.TOO_LATE):
        return now_ms
    ends_ms = epoch_ms_of(action.expires_at)
    return ends_ms + _LATE_MS if temper is Temper.TOO_LATE else now_ms + (ends_ms - now_ms) * 2 // 3


def _answer(action: Action, temper: Temper) -> FeedbackState:
    if temper is Temper.UNWILLING:
        return FeedbackState.REJECTED
    if temper is Temper.TOO_LATE:
        return FeedbackState.SUCCEEDED
    if action.state is ActionState.DISPATCHED:
        return FeedbackState.ACCEPTED
    return FeedbackState.FAILED if temper is Temper.FAILING else FeedbackState.SUCCEEDED


def _feedback(action: Action, state: FeedbackState, at_ms: int) -> Out:
    answer = Feedback(
        action_id=action.action_id, home=action.home, state=state, by=_BY, occurred_at=instant_of(at_ms)
    )
    return Out(DISPATCH_FEEDBACK, action.action_id.encode(), encode(answer), headers=_received(at_ms))


def _decide(action: Action, temper: Temper, now_ms: int) -> Out:
    """One more person says yes or no; two are never the same."""
    approves = temper is not Temper.UNWILLING
    kind, said = CommandKind.APPROVE if approves else CommandKind.REFUSE, len(action.approvals)
    command = Command(
        command_id=f"{_BY}-{kind}-{action.action_id}-{said}",
        kind=kind,
        action_id=action.action_id,
        home=action.home,
        by=f"{_BY}-{said + 1}",
        why="it fits" if approves else "it does not fit",
        role=action.approver,
        issued_at=instant_of(now_ms),
    )
    return Out(COMMANDS, action.action_id.encode(), encode(command), headers=_received(now_ms))


def _received(now_ms: int) -> tuple[tuple[str, bytes], ...]:
    return ((RECEIVED_AT_HEADER, b"%d" % now_ms),)
