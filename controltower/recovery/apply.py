"""Folds one event into one home: exception records, answers of dispatch, words of people, and time.

No clock, no I/O. The home is changed in place and returned with the action records that follow from the
event; their `published_at` is set where they are published.
"""

from __future__ import annotations

from controltower.recovery.actions import move
from controltower.recovery.deadlines import advance
from controltower.recovery.governance import (
    AWAITS_PERSON,
    FEEDBACK_MOVES,
    find_hold_at_approval,
)
from controltower.recovery.policy import Playbook
from controltower.recovery.reweigh import go_on_after_failure, release_mutex
from controltower.recovery.state import Case, HomeState
from controltower.recovery.weigh import weigh
from controltower.route.timeline import to_ms
from schemas import wire
from schemas.vocabulary import (
    ActionState,
    CommandKind,
    ExceptionStatus,
    FeedbackState,
    Resolution,
    Transition,
)

HomeEvent = wire.ExceptionRecord | wire.Feedback | wire.Command
_ENDED = frozenset({ExceptionStatus.RESOLVED, ExceptionStatus.CLOSED})
_MUTES = frozenset({"SNOOZED", "SUPPRESSED"})
_FAILS = frozenset({FeedbackState.FAILED, FeedbackState.REJECTED})


def happened_at_ms(event: HomeEvent) -> int:
    """Stream time of an event."""
    if isinstance(event, wire.ExceptionRecord):
        return to_ms(event.updated_at)
    if isinstance(event, wire.Feedback):
        return to_ms(event.received_at or event.occurred_at)
    return to_ms(event.received_at or event.issued_at)


def apply(home: HomeState, playbook: Playbook, event: HomeEvent) -> tuple[HomeState, list[wire.Action]]:
    """Fire what is due before the event, then the event. Time within a home never goes back."""
    at_ms = max(happened_at_ms(event), home.at_ms)
    effects = advance(home, playbook, at_ms)
    if isinstance(event, wire.ExceptionRecord):
        effects += _exception(home, playbook, event, at_ms)
    elif isinstance(event, wire.Feedback):
        effects += _feedback(home, playbook, event, at_ms)
    else:
        effects += _command(home, playbook, event, at_ms)
    return home, effects


def _exception(
    home: HomeState, playbook: Playbook, record: wire.ExceptionRecord, at_ms: int
) -> list[wire.Action]:
    before = home.cases.get(record.exception_id)
    if record.exception_id in home.ended or (before is not None and record.seq <= before.seq):
        return []
    home.at_ms = at_ms
    if record.status in _ENDED:
        return _end(home, playbook, record, at_ms)
    case = _take(before, record)
    home.cases[case.exception_id] = case
    if case.cleared or case.muted or not _calls_for_action(before, case, record.transition):
        return []
    return weigh(home, case, playbook, at_ms)


def _calls_for_action(before: Case | None, case: Case, transition: Transition) -> bool:
    """New, escalated, worse, back or audible again; not what only tells of our own doing."""
    if before is None or transition is Transition.ESCALATED:
        return True
    return case.severity < before.severity or case.occurrences > before.occurrences or before.muted


def _take(before: Case | None, record: wire.ExceptionRecord) -> Case:
    """The case as the record tells it, with what was done so far."""
    case = Case(
        exception_id=record.exception_id,
        code=record.code,
        seq=record.seq,
        tenant=record.tenant,
        subject=f"{record.subject_type.value}:{record.subject_id}",
        route_id=record.route_id,
        severity=record.severity,
        occurrences=record.occurrence_count,
        cleared=record.cleared_at is not None,
        muted=not _MUTES.isdisjoint(record.flags) or record.suppressed_by is not None,
        respond_by_ms=to_ms(record.respond_by) if record.respond_by else None,
        facts={**record.metrics, "vehicle_id": record.vehicle_id, "stop_id": record.stop_id},
    )
    if before is not None:
        case.attempts, case.tried, case.held = before.attempts, before.tried, before.held
        case.failed = before.failed
    return case


def _end(home: HomeState, playbook: Playbook, record: wire.ExceptionRecord, at_ms: int) -> list[wire.Action]:
    """Open actions of an exception that ended are called off; nothing follows for it any more."""
    home.cases.pop(record.exception_id, None)
    home.ended.append(record.exception_id)
    superseded = record.resolution is Resolution.SUPERSEDED
    state = ActionState.SUPERSEDED if superseded else ActionState.CANCELLED
    open_actions = [a for a in home.actions.values() if a.exception_id == record.exception_id]
    effects = [move(home, action, state, at_ms) for action in open_actions]
    return effects + release_mutex(home, playbook, at_ms)


def _feedback(home: HomeState, playbook: Playbook, feedback: wire.Feedback, at_ms: int) -> list[wire.Action]:
    action = home.actions.get(feedback.action_id)
    if action is None or feedback.state not in FEEDBACK_MOVES.get(action.state, frozenset()):
        return []
    home.at_ms = at_ms
    effects = [move(home, action, ActionState(feedback.state.value), at_ms)]
    if feedback.state in _FAILS:
        effects += go_on_after_failure(home, playbook, action, at_ms)
    return effects + release_mutex(home, playbook, at_ms)


def _command(home: HomeState, playbook: Playbook, command: wire.Command, at_ms: int) -> list[wire.Action]:
    action = home.actions.get(command.action_id or "")
    if action is None or action.state not in AWAITS_PERSON:
        return []
    if command.kind is CommandKind.REFUSE:
        effects = [move(home, action, ActionState.REJECTED, at_ms)]
    elif command.kind is CommandKind.APPROVE:
        effects = _approve(home, playbook, action, at_ms)
    else:
        return []
    home.at_ms = at_ms
    return effects + release_mutex(home, playbook, at_ms)


def _approve(home: HomeState, playbook: Playbook, action: wire.Action, at_ms: int) -> list[wire.Action]:
    approved = move(home, action, ActionState.APPROVED, at_ms)
    because = find_hold_at_approval(action, home.cases[action.exception_id], home, playbook)
    state = ActionState.SUPPRESSED if because else ActionState.DISPATCHED
    return [approved, move(home, approved, state, at_ms, because)]
