"""Whether a step may be taken now. Pure; each answer is from a closed list."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from controltower.recovery.policy import Condition, Mode, Playbook, Step
from controltower.recovery.state import Case, HomeState
from schemas import wire
from schemas.vocabulary import ActionName, ActionState, FeedbackState, SuppressReason, Tier

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

#: How an action begins, by the tier that policy gives it.
FIRST_STATE: Final = {
    Tier.PROPOSE: ActionState.PROPOSED,
    Tier.ACT_WITH_APPROVAL: ActionState.PENDING_APPROVAL,
    Tier.AUTO_EXECUTE: ActionState.DISPATCHED,
}
AWAITS_PERSON: Final = frozenset({ActionState.PROPOSED, ActionState.PENDING_APPROVAL})
AT_DISPATCH: Final = frozenset({ActionState.DISPATCHED, ActionState.ACCEPTED})
#: What a dispatch system may answer in which state; anything else changes nothing.
FEEDBACK_MOVES: Final = {
    ActionState.DISPATCHED: frozenset(FeedbackState),
    ActionState.ACCEPTED: frozenset({FeedbackState.SUCCEEDED, FeedbackState.FAILED}),
}


class WhyNot(StrEnum):
    """Why a step is not taken, beyond the reasons of suppression."""

    UNDER_WAY = "UNDER_WAY"
    CONDITION_NOT_MET = "CONDITION_NOT_MET"
    NOT_NEEDED_YET = "NOT_NEEDED_YET"


@dataclass(slots=True, frozen=True)
class Finding:
    """Allowed where both are None; held back and published where `held` is set; else passed over."""

    held: SuppressReason | None = None
    passed: WhyNot | None = None


def judge(step: Step, case: Case, home: HomeState, playbook: Playbook, at_ms: int) -> Finding:
    """Whether `step` may be taken for `case` at stream time `at_ms`."""
    if any(a.action is step.action and a.exception_id == case.exception_id for a in home.actions.values()):
        return Finding(passed=WhyNot.UNDER_WAY)
    if step.when and not any(_holds(condition, case) for condition in step.when):
        return Finding(passed=WhyNot.CONDITION_NOT_MET)
    return Finding(held=_find_hold(step, case, home, playbook, at_ms))


def _holds(condition: Condition, case: Case) -> bool:
    return (
        (condition.severity_at_most is None or case.severity <= condition.severity_at_most)
        and (condition.occurrences_at_least is None or case.occurrences >= condition.occurrences_at_least)
        and (not condition.after_failure or case.failed)
    )


def _find_hold(
    step: Step, case: Case, home: HomeState, playbook: Playbook, at_ms: int
) -> SuppressReason | None:
    """The first reason that holds the step back. SHADOW last: it says that all else would have allowed it."""
    checks = (
        (SuppressReason.KILL_SWITCH, playbook.mode is Mode.OFF),
        (SuppressReason.STALE_EXCEPTION, case.cleared or _too_late(step, case, at_ms)),
        (SuppressReason.LOW_CONFIDENCE, _unsure(step, case)),
        (SuppressReason.MAX_ATTEMPTS, case.tried.get(step.action, 0) >= step.max_attempts),
        (SuppressReason.COOLDOWN, home.cooldowns.get(step.action, 0) > at_ms),
        (SuppressReason.MUTEX, is_blocked(step.action, home)),
        (SuppressReason.COST_CAP, home.spent + step.cost > playbook.cost_cap),
        (SuppressReason.SHADOW, playbook.mode is Mode.SHADOW),
    )
    return next((reason for reason, holds in checks if holds), None)


def _too_late(step: Step, case: Case, at_ms: int) -> bool:
    return step.before_respond_by and case.respond_by_ms is not None and at_ms > case.respond_by_ms


def _unsure(step: Step, case: Case) -> bool:
    if step.min_p_late is None:
        return False
    p_late = case.facts.get("p_late")
    return not isinstance(p_late, int | float) or p_late < step.min_p_late


def is_blocked(action: ActionName, home: HomeState) -> bool:
    """True while another action of the same mutex group is under way for this home."""
    group = MUTEX_GROUP.get(action)
    under_way = {MUTEX_GROUP.get(other.action) for other in home.actions.values()}
    return group is not None and group in under_way


def find_hold_at_approval(
    action: wire.Action, case: Case, home: HomeState, playbook: Playbook
) -> SuppressReason | None:
    """Why an approved action is not sent after all: much may have changed since it was asked for."""
    if playbook.mode is not Mode.ACT:
        return SuppressReason.KILL_SWITCH
    if case.cleared:
        return SuppressReason.STALE_EXCEPTION
    return SuppressReason.COST_CAP if home.spent + action.cost > playbook.cost_cap else None
