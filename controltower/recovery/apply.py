"""Folds one event into one home: exceptions, answers of dispatch, words of people, permits, and time.

No clock, no I/O. The home is changed in place and returned with what follows from the event; `published_at`
is set where it is published.
"""

from __future__ import annotations

from controltower.recovery.actions import Effect, move
from controltower.recovery.approvals import obey
from controltower.recovery.compensation import note_success, undo_cleared, undo_half_done
from controltower.recovery.deadlines import advance
from controltower.recovery.governance import FEEDBACK_MOVES
from controltower.recovery.permits import return_permits, take_permit
from controltower.recovery.regime import Regime
from controltower.recovery.reweigh import go_on, go_on_after_failure, release_mutex
from controltower.recovery.state import Case, HomeState
from controltower.recovery.weigh import weigh
from controltower.route.timeline import to_ms
from schemas import wire
from schemas.vocabulary import (
    ActionState,
    ExceptionStatus,
    FeedbackState,
    Resolution,
    Transition,
)

HomeEvent = wire.ExceptionRecord | wire.Feedback | wire.Command | wire.Permit
_ENDED = frozenset({ExceptionStatus.RESOLVED, ExceptionStatus.CLOSED})
_MUTES = frozenset({"SNOOZED", "SUPPRESSED"})
_FAILS = frozenset({FeedbackState.FAILED, FeedbackState.REJECTED})


def happened_at_ms(event: HomeEvent) -> int:
    """Stream time of an event. A permit is as old as its request: waiting for it took no time of the home."""
    if isinstance(event, wire.ExceptionRecord):
        return to_ms(event.updated_at)
    if isinstance(event, wire.Permit):
        return to_ms(event.asked_at)
    if isinstance(event, wire.Feedback):
        return to_ms(event.received_at or event.occurred_at)
    return to_ms(event.received_at or event.issued_at)


def apply(home: HomeState, regime: Regime, event: HomeEvent) -> tuple[HomeState, list[Effect]]:
    """Fire what is due before the event, then the event. Time within a home never goes back."""
    at_ms = max(happened_at_ms(event), home.at_ms)
    before = advance(home, regime, at_ms)
    effects = _take_event(home, regime, event, at_ms)
    return home, [*before, *effects, *return_permits(home, effects)]


def _take_event(home: HomeState, regime: Regime, event: HomeEvent, at_ms: int) -> list[Effect]:
    if isinstance(event, wire.ExceptionRecord):
        return _exception(home, regime, event, at_ms)
    if isinstance(event, wire.Feedback):
        return _feedback(home, regime, event, at_ms)
    if isinstance(event, wire.Permit):
        return _permit(home, regime, event, at_ms)
    return obey(home, regime, event, at_ms)


def _exception(home: HomeState, regime: Regime, record: wire.ExceptionRecord, at_ms: int) -> list[Effect]:
    before = home.cases.get(record.exception_id)
    if record.exception_id in home.ended or (before is not None and record.seq <= before.seq):
        return []
    home.at_ms = at_ms
    if record.status in _ENDED:
        return _end(home, regime, record, at_ms)
    case = _take(before, record)
    home.cases[case.exception_id] = case
    undone = undo_cleared(home, case, regime, at_ms) if case.cleared and case.done else []
    if case.cleared or case.muted or not _calls_for_action(before, case, record.transition):
        return undone
    return undone + weigh(home, case, regime, at_ms)


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
        carrier=record.carrier,
        zone=record.zone,
        service_tier=record.service_tier,
        shipment_id=record.shipment_id,
        vehicle_id=record.vehicle_id,
        lon=record.location.lon if record.location else None,
    )
    if before is not None:
        case.attempts, case.tried, case.held = before.attempts, before.tried, before.held
        case.failed, case.wakes, case.done = before.failed, before.wakes, before.done
    return case


def _end(home: HomeState, regime: Regime, record: wire.ExceptionRecord, at_ms: int) -> list[Effect]:
    """Open actions of an exception that ended are called off; nothing follows for it any more."""
    home.cases.pop(record.exception_id, None)
    home.ended.append(record.exception_id)
    superseded = record.resolution is Resolution.SUPERSEDED
    state = ActionState.SUPERSEDED if superseded else ActionState.CANCELLED
    open_actions = [a for a in home.actions.values() if a.exception_id == record.exception_id]
    effects: list[Effect] = [move(home, action, state, at_ms) for action in open_actions]
    return effects + release_mutex(home, regime, at_ms)


def _feedback(home: HomeState, regime: Regime, feedback: wire.Feedback, at_ms: int) -> list[Effect]:
    action = home.actions.get(feedback.action_id)
    if action is None or feedback.state not in FEEDBACK_MOVES.get(action.state, frozenset()):
        return []
    home.at_ms = at_ms
    state = ActionState(feedback.state.value)
    told = {"answered_by": feedback.by, "answer_reason": feedback.reason}
    effects: list[Effect] = [move(home, action, state, at_ms, None, **told)]
    case = home.cases[action.exception_id]
    if feedback.state is FeedbackState.SUCCEEDED:
        note_success(home, regime, action)
        effects += undo_cleared(home, case, regime, at_ms) if case.cleared else []
    if state is ActionState.FAILED:
        effects += undo_half_done(home, regime, action, state, at_ms)
    if feedback.state in _FAILS:
        effects += go_on_after_failure(home, regime, action, at_ms)
    return effects + release_mutex(home, regime, at_ms)


def _permit(home: HomeState, regime: Regime, permit: wire.Permit, at_ms: int) -> list[Effect]:
    """Sent, held back, or nobody's. A refusal lets the next step follow, as any hold does."""
    action = home.actions.get(permit.action_id)
    effects, refused = take_permit(home, regime, permit, at_ms)
    if not effects or action is None:
        return effects
    home.at_ms = at_ms
    if refused:
        effects += go_on(home, regime, action, at_ms)
    return effects + release_mutex(home, regime, at_ms)
