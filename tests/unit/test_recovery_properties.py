"""What holds for every day of recovery, however its records are batched and whenever ticks come."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from controltower.recovery.playbook import Playbook
from schemas import wire
from schemas.vocabulary import (
    TERMINAL_ACTION_STATES,
    ActionState,
    CommandKind,
    ExceptionCode,
    FeedbackState,
    Resolution,
    Transition,
)
from tests.unit.recovery_day import (
    Day,
    actions_of,
    at,
    command,
    exception,
    feedback,
    log_records,
    make_fold,
    resolved,
    tick,
)

CODES = (
    ExceptionCode.LONG_HALT,
    ExceptionCode.SLA_AT_RISK,
    ExceptionCode.SIGNAL_LOST,
    ExceptionCode.ROUTE_DEVIATION,
    ExceptionCode.DATA_QUALITY,
)
ROUTES = ("r1", "r2")
END_S = 5 * 24 * 3600


@dataclass
class Told:
    """What the exception side has told of one exception so far."""

    name: str
    code: ExceptionCode
    route: str
    seq: int = 1
    changes: dict[str, Any] = field(default_factory=dict)

    def record(self, seconds: float, transition: Transition) -> wire.ExceptionRecord:
        return exception(seconds, self.seq, transition, self.name, self.code, self.route, **self.changes)


@st.composite
def days(draw: st.DrawFn) -> list[wire.RecoveryEvent]:
    """A day that could happen: exceptions open, change and end; dispatch and people answer real actions."""
    day, events, seconds = Day(), list[wire.RecoveryEvent](), 0
    open_: list[Told] = []
    for number in range(draw(st.integers(1, 25))):
        seconds += draw(st.sampled_from((0, 1, 60, 600, 900, 1800, 4000)))
        kind = draw(st.sampled_from(("open", "change", "change", "end", "answer", "answer", "decide")))
        event: wire.RecoveryEvent
        if kind == "open" or not open_:
            told = Told(f"e{number}", draw(st.sampled_from(CODES)), draw(st.sampled_from(ROUTES)))
            told.changes = {"metrics": {"p_late": draw(st.sampled_from((0.65, 0.9)))}}
            open_.append(told)
            event = told.record(seconds, Transition.OPENED)
        elif kind == "end":
            told = open_.pop(draw(st.integers(0, len(open_) - 1)))
            how = draw(st.sampled_from((Resolution.AUTO, Resolution.SUPERSEDED)))
            event = resolved(seconds, told.seq + 1, told.name, how, code=told.code, route=told.route)
        elif kind == "change" or not day.actions:
            told = draw(st.sampled_from(open_))
            told.seq += 1
            told.changes |= draw(st.sampled_from(_changes(told, seconds)))
            transition = draw(st.sampled_from((Transition.UPDATED, Transition.RECOVERY_STARTED)))
            event = told.record(seconds, transition)
        elif kind == "answer":
            action = draw(st.sampled_from(day.actions))
            state = draw(st.sampled_from(FeedbackState))
            event = feedback(seconds, action.action_id, state, action.home)
        else:
            action = draw(st.sampled_from(day.actions))
            word = draw(st.sampled_from((CommandKind.APPROVE, CommandKind.REFUSE)))
            event = command(seconds, action.action_id, word, action.home)
        day.happen(event)
        events.append(event)
    seconds += 60
    return [*events, *(_end(told, seconds) for told in open_)]


def _changes(told: Told, seconds: int) -> list[dict[str, Any]]:
    occurrences = told.changes.get("occurrence_count", 1)
    return [
        {"severity": 1},
        {"cleared_at": at(seconds)},
        {"cleared_at": None, "occurrence_count": occurrences + 1},
        {"flags": ("SNOOZED",)},
        {"flags": ()},
    ]


def _end(told: Told, seconds: int) -> wire.ExceptionRecord:
    return resolved(seconds, told.seq + 1, told.name, code=told.code, route=told.route)


def _time_of(event: wire.RecoveryEvent) -> datetime:
    if isinstance(event, wire.ExceptionRecord):
        return event.updated_at
    assert isinstance(event, wire.Feedback | wire.Command)
    return event.received_at or at(0)


def _by_home(actions: list[wire.Action]) -> dict[str, list[wire.Action]]:
    homes: dict[str, list[wire.Action]] = defaultdict(list)
    for action in actions:
        homes[action.home].append(action)
    return homes


def _all_actions(events: list[wire.RecoveryEvent], playbook: Playbook | None = None) -> list[wire.Action]:
    day = Day(playbook)
    day.happen(*events, tick(END_S))
    return day.actions


def _draw_ticks(events: list[wire.RecoveryEvent], data: st.DataObject) -> list[wire.RecoveryEvent]:
    """The events, with ticks before some of them."""
    with_ticks: list[wire.RecoveryEvent] = []
    for event in events:
        if data.draw(st.booleans()):
            seconds = (_time_of(event) - at(0)).total_seconds() if with_ticks else 0
            with_ticks.append(tick(max(0, seconds - data.draw(st.sampled_from((0, 1, 500))))))
        with_ticks.append(event)
    return with_ticks


@given(days(), st.data())
@settings(max_examples=50, deadline=None)
def test_batching_and_restarts_change_nothing(events: list[wire.RecoveryEvent], data: st.DataObject) -> None:
    """The same log in other polls, restored from its changelog after every poll."""
    day = Day()
    day.happen(*_draw_ticks(events, data), tick(END_S))
    records = log_records(day.log)
    actions, changelog, fold = [], dict[bytes, bytes](), make_fold()
    while records:
        size = data.draw(st.integers(1, len(records)))
        commit = fold.fold(records[:size])
        records = records[size:]
        actions += actions_of(commit)
        for key, value in commit.changes:
            changelog.pop(key, None)
            if value is not None:
                changelog[key] = value
        fold = make_fold()
        for key, value in changelog.items():
            fold.restore(key, value)
        fold.restored()
    assert _by_home(actions) == _by_home(day.actions)


@given(days(), st.data())
@settings(max_examples=50, deadline=None)
def test_more_ticks_change_nothing(events: list[wire.RecoveryEvent], data: st.DataObject) -> None:
    """What falls due happens at its own time, whichever record the clock passes it with.

    Without caps, since a permit is answered through the log: its action is sent when the answer stands there.
    """
    uncapped = Day().playbook.model_copy(update={"caps": ()})
    with_ticks = _draw_ticks(events, data)
    assert _by_home(_all_actions(with_ticks, uncapped)) == _by_home(_all_actions(events, uncapped))


@given(days())
@settings(max_examples=50, deadline=None)
def test_duplicates_change_nothing(events: list[wire.RecoveryEvent]) -> None:
    """Every record twice in a row gives the same actions."""
    twice = [event for event in events for _ in range(2)]
    assert _by_home(_all_actions(twice)) == _by_home(_all_actions(events))


@given(days())
@settings(max_examples=50, deadline=None)
def test_every_action_is_numbered_and_ends_once(events: list[wire.RecoveryEvent]) -> None:
    """seq is 1, 2, 3 ...; time never goes back; the last record, and only that, is an end."""
    lives: dict[str, list[wire.Action]] = defaultdict(list)
    for action in _all_actions(events):
        lives[action.action_id].append(action)
    for life in lives.values():
        assert [action.seq for action in life] == list(range(1, len(life) + 1))
        assert all(one.decided_at <= next_.decided_at for one, next_ in pairwise(life))
        ends = [action.state in TERMINAL_ACTION_STATES for action in life]
        assert ends == [False] * (len(life) - 1) + [True]


@given(days())
@settings(max_examples=50, deadline=None)
def test_nothing_is_sent_after_the_end(events: list[wire.RecoveryEvent]) -> None:
    """While its exception is clear only what puts an action right is sent; after its end nothing is."""
    day, over, clear = Day(), set[str](), set[str]()
    for event in events:
        day.happen(tick((_time_of(event) - at(0)).total_seconds()))
        fresh = day.happen(event)
        assert [action for action in fresh if action.exception_id in over] == []
        if isinstance(event, wire.ExceptionRecord):
            (clear.add if event.cleared_at else clear.discard)(event.exception_id)
            if event.resolved_at:
                over.add(event.exception_id)
        sent = [action for action in fresh if action.state is ActionState.DISPATCHED]
        assert [a for a in sent if a.exception_id in clear and a.compensates is None] == []


@given(days())
@settings(max_examples=30, deadline=None)
def test_held_back_actions_say_why(events: list[wire.RecoveryEvent]) -> None:
    """SUPPRESSED and a reason of the closed list come together, always."""
    for action in _all_actions(events):
        assert (action.state is ActionState.SUPPRESSED) == (action.suppressed_because is not None)
