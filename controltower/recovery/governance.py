"""Whether a step may be taken now. Pure; each answer is from a closed list."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from controltower.recovery.messages import MESSAGES, find_recipients, may_be_told
from controltower.recovery.policy import Condition, Mode, Step
from controltower.recovery.quiet import find_quiet_end_ms
from controltower.recovery.regime import Regime
from controltower.recovery.state import Case, HomeState
from controltower.route.timeline import to_ms
from schemas import wire
from schemas.vocabulary import ActionName, ActionState, FeedbackState, Milestone, SuppressReason, Tier

_GROUPS: Final[tuple[tuple[ActionName, ...], ...]] = (
    (
        ActionName.NOTIFY_CUSTOMER,
        ActionName.CONFIRM_WITH_CUSTOMER,
        ActionName.CONTACT_DRIVER,
        ActionName.CARRIER_CHECK_CALL,
    ),
    (ActionName.NOTIFY_OPS, ActionName.ESCALATE),
    (
        ActionName.RESEQUENCE_ROUTE,
        ActionName.REROUTE_VEHICLE,
        ActionName.REASSIGN_STOPS,
        ActionName.REASSIGN_DRIVER,
        ActionName.DISPATCH_RESCUE,
    ),
    (
        ActionName.REATTEMPT_DELIVERY,
        ActionName.RESCHEDULE_DELIVERY,
        ActionName.CORRECT_ADDRESS,
        ActionName.REDIRECT_TO_PUDO,
        ActionName.HOLD_AT_HUB,
        ActionName.INTERCEPT_SHIPMENT,
    ),
    (ActionName.EXPEDITE_LEG, ActionName.SWAP_CARRIER),
    (ActionName.RETURN_TO_SENDER,),
    (ActionName.OPEN_TRACE, ActionName.REQUEST_POD_REVIEW),
)
#: Of one group only one action per home is under way at a time. MONITOR is in no group.
MUTEX_GROUP: Final = {name: group for group, names in enumerate(_GROUPS) for name in names}

#: How an action begins, by the tier that policy gives it. APPROVED: it is sent, or waits for its permits.
FIRST_STATE: Final = {
    Tier.PROPOSE: ActionState.PROPOSED,
    Tier.ACT_WITH_APPROVAL: ActionState.PENDING_APPROVAL,
    Tier.AUTO_EXECUTE: ActionState.APPROVED,
}
AWAITS_PERSON: Final = frozenset({ActionState.PROPOSED, ActionState.PENDING_APPROVAL})
AT_DISPATCH: Final = frozenset({ActionState.DISPATCHED, ActionState.ACCEPTED})
#: What a dispatch system may answer in which state; anything else changes nothing.
FEEDBACK_MOVES: Final = {
    ActionState.DISPATCHED: frozenset(FeedbackState),
    ActionState.ACCEPTED: frozenset({FeedbackState.SUCCEEDED, FeedbackState.FAILED}),
}
_TERMINAL: Final = frozenset(
    {Milestone.DELIVERED, Milestone.RETURNED, Milestone.CANCELLED, Milestone.LOST_OR_DESTROYED}
)
#: Of a shipment that is delivered these may still be asked for: they are about what has happened.
_AFTER_THE_END: Final = frozenset({ActionName.OPEN_TRACE, ActionName.REQUEST_POD_REVIEW})


class WhyNot(StrEnum):
    """Why a step is not taken, beyond the reasons of suppression."""

    UNDER_WAY = "UNDER_WAY"
    CONDITION_NOT_MET = "CONDITION_NOT_MET"
    NOT_NEEDED_YET = "NOT_NEEDED_YET"


@dataclass(slots=True, frozen=True)
class Held:
    """Why a step is held back; `until_ms`: when to look again; `limit`: which cap it would break."""

    because: SuppressReason
    until_ms: int | None = None
    limit: str | None = None


@dataclass(slots=True, frozen=True)
class Finding:
    """Allowed where both are None; held back and published where `held` is set; else passed over."""

    held: Held | None = None
    passed: WhyNot | None = None


def judge(step: Step, case: Case, home: HomeState, regime: Regime, at_ms: int) -> Finding:
    """Whether `step` may be taken for `case` at stream time `at_ms`."""
    if any(a.action is step.action and a.exception_id == case.exception_id for a in home.actions.values()):
        return Finding(passed=WhyNot.UNDER_WAY)
    if not _is_meant(step, case):
        return Finding(passed=WhyNot.CONDITION_NOT_MET)
    return Finding(held=next(_holds(step, case, home, regime, at_ms), None))


def _is_meant(step: Step, case: Case) -> bool:
    if step.severity_at_most is not None and case.severity > step.severity_at_most:
        return False
    return not step.when or any(_is_met(condition, case) for condition in step.when)


def _is_met(condition: Condition, case: Case) -> bool:
    return (
        (condition.severity_at_most is None or case.severity <= condition.severity_at_most)
        and (condition.occurrences_at_least is None or case.occurrences >= condition.occurrences_at_least)
        and (not condition.after_failure or case.failed)
    )


def _holds(step: Step, case: Case, home: HomeState, regime: Regime, at_ms: int) -> Iterator[Held]:
    """All that holds the step back. SHADOW last: it says that all else would have allowed it."""
    mode = regime.mode(case.tenant, step.action)
    if mode is Mode.OFF:
        yield Held(SuppressReason.KILL_SWITCH)
    if case.cleared or _too_late(step, case, at_ms):
        yield Held(SuppressReason.STALE_EXCEPTION)
    if _is_over(step, case):
        yield Held(SuppressReason.TERMINAL_SHIPMENT)
    if _unsure(step, case):
        yield Held(SuppressReason.LOW_CONFIDENCE)
    if case.tried.get(step.action, 0) >= step.max_attempts or _no_attempt_left(step, case):
        yield Held(SuppressReason.MAX_ATTEMPTS)
    if home.cooldowns.get(step.action, 0) > at_ms:
        yield Held(SuppressReason.COOLDOWN)
    if is_blocked(step.action, home):
        yield Held(SuppressReason.MUTEX)
    budget = regime.playbook.customer_messages
    if budget is not None and step.action in budget.actions and not find_recipients(case, home, budget):
        yield Held(SuppressReason.COST_CAP, limit=MESSAGES)
    yield from _quiet_or_dear(step.action, step.cost, case, home, regime, at_ms)
    if mode is Mode.SHADOW:
        yield Held(SuppressReason.SHADOW)


def _quiet_or_dear(
    action: ActionName, cost: float, case: Case, home: HomeState, regime: Regime, at_ms: int
) -> Iterator[Held]:
    """What holds back a first action, one that puts another right, and one that was approved, alike."""
    playbook = regime.playbook
    quiet = playbook.quiet_hours
    if quiet is not None and action in quiet.actions:
        until_ms = find_quiet_end_ms(case, quiet, playbook.time_zone, at_ms)
        if until_ms is not None:
            yield Held(SuppressReason.QUIET_HOURS, until_ms)
    if home.spent + cost > playbook.cost_cap:
        yield Held(SuppressReason.COST_CAP, limit="cost_cap")


def find_hold_at_send(
    action: wire.Action, case: Case, home: HomeState, regime: Regime, at_ms: int
) -> Held | None:
    """Why an approved action is not sent after all: much may have changed since it was asked for."""
    mode = regime.mode(action.tenant, action.action)
    if mode is not Mode.ACT:
        return Held(SuppressReason.KILL_SWITCH if mode is Mode.OFF else SuppressReason.SHADOW)
    if case.cleared and action.compensates is None:
        return Held(SuppressReason.STALE_EXCEPTION)
    if action.action not in _AFTER_THE_END and case.facts.get("milestone") in _TERMINAL:
        return Held(SuppressReason.TERMINAL_SHIPMENT)
    budget = regime.playbook.customer_messages
    if budget is not None and not may_be_told(action, case, home, budget):
        return Held(SuppressReason.COST_CAP, limit=MESSAGES)
    return next(_quiet_or_dear(action.action, action.cost, case, home, regime, at_ms), None)


def find_hold_of_undoing(step: Step, case: Case, home: HomeState, regime: Regime, at_ms: int) -> Held | None:
    """Why what puts another action right is not sent. It is no repetition, so no cooldown holds it back."""
    mode = regime.mode(case.tenant, step.action)
    if mode is Mode.OFF:
        return Held(SuppressReason.KILL_SWITCH)
    if is_blocked(step.action, home):
        return Held(SuppressReason.MUTEX)
    budget = regime.playbook.customer_messages
    if budget is not None and step.action in budget.actions and not find_recipients(case, home, budget):
        return Held(SuppressReason.COST_CAP, limit=MESSAGES)
    found = next(_quiet_or_dear(step.action, step.cost, case, home, regime, at_ms), None)
    return found or (Held(SuppressReason.SHADOW) if mode is Mode.SHADOW else None)


def _too_late(step: Step, case: Case, at_ms: int) -> bool:
    if step.before_respond_by and case.respond_by_ms is not None and at_ms > case.respond_by_ms:
        return True
    cut_off_ms = _instant_ms(case.facts.get("cut_off")) if step.before_cut_off else None
    return cut_off_ms is not None and at_ms > cut_off_ms


def _instant_ms(fact: object) -> int | None:
    """A fact that is an instant in RFC 3339, in ms; None for anything else."""
    if not isinstance(fact, str):
        return None
    try:
        instant = datetime.fromisoformat(fact)
    except ValueError:
        return None
    return to_ms(instant) if instant.tzinfo else None


def _is_over(step: Step, case: Case) -> bool:
    return step.action not in _AFTER_THE_END and case.facts.get("milestone") in _TERMINAL


def _no_attempt_left(step: Step, case: Case) -> bool:
    left = case.facts.get("attempts_left")
    return step.needs_attempts_left and isinstance(left, int | float) and left < 1


def _unsure(step: Step, case: Case) -> bool:
    return _below(case.facts.get("p_late"), step.min_p_late) or _below(
        case.facts.get("confidence"), step.min_confidence
    )


def _below(fact: object, least: float | None) -> bool:
    return least is not None and (not isinstance(fact, int | float) or fact < least)


def is_blocked(action: ActionName, home: HomeState) -> bool:
    """True while another action of the same mutex group is under way for this home."""
    group = MUTEX_GROUP.get(action)
    under_way = {MUTEX_GROUP.get(other.action) for other in home.actions.values()}
    return group is not None and group in under_way
