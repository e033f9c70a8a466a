"""Goes through the steps of a rule and takes the first that is allowed; what is held back is told."""

from __future__ import annotations

from typing import Final

from controltower.recovery.actions import Effect, Taken, begin
from controltower.recovery.governance import FIRST_STATE, Finding, Held, WhyNot, judge
from controltower.recovery.permits import needs_permit, note_message, send
from controltower.recovery.policy import Chosen, Step
from controltower.recovery.regime import Regime
from controltower.recovery.state import Case, HomeState
from schemas import wire
from schemas.vocabulary import ActionName, ActionState, SuppressReason, Tier

#: What is published where policy has no answer.
_NO_ANSWER: Final = Step(
    action=ActionName.MONITOR,
    tier=Tier.PROPOSE,
    why="the playbook has no step for this exception as it stands, and what it does not allow is denied",
    ttl_s=1,
    cooldown_s=1,
)
Alternatives = tuple[wire.Alternative, ...]


def chosen_for(case: Case, regime: Regime) -> Chosen:
    """The steps of the playbook in force for this exception."""
    return regime.playbook.choose(case.code, case.tenant, case.carrier, case.zone, case.service_tier)


def weigh(home: HomeState, case: Case, regime: Regime, at_ms: int, first_step: int = 0) -> list[Effect]:
    """Records of the steps held back, then of the one put forward, if any.

    first_step: where to begin; after a failure the step behind the failed one. In shadow the first step
    that would have been taken is the last one weighed, since in earnest nothing would have followed yet.
    """
    name, steps = chosen_for(case, regime)
    findings = [(step, judge(step, case, home, regime, at_ms)) for step in steps[first_step:]]
    effects: list[Effect] = []
    for index, (step, finding) in enumerate(findings):
        others = _alternatives(findings, index)
        taken = Taken(step, f"{name}[{first_step + index}]")
        if finding.held is not None:
            effects += hold_back(home, case, taken, finding.held, at_ms, regime, others)
            if finding.held.because is SuppressReason.SHADOW:
                return effects
        elif finding.passed is None:
            return [*effects, *put_forward(home, case, taken, at_ms, regime, others)]
    if not case.attempts:
        others = _alternatives(findings, len(findings))
        nothing = Held(SuppressReason.NO_POLICY)
        effects += hold_back(home, case, Taken(_NO_ANSWER, name), nothing, at_ms, regime, others)
    return effects


def hold_back(
    home: HomeState,
    case: Case,
    taken: Taken,
    held: Held,
    at_ms: int,
    regime: Regime,
    others: Alternatives,
) -> list[Effect]:
    """One SUPPRESSED record; none where the same was told last."""
    action = taken.step.action
    if held.until_ms is None:
        case.wakes.pop(action, None)
    else:
        case.wakes[action] = held.until_ms
    if case.held.get(action) is held.because:
        return []
    case.held[action] = held.because
    state = ActionState.SUPPRESSED
    return [begin(home, case, taken, state, at_ms, regime.playbook, others, held)]


def put_forward(
    home: HomeState,
    case: Case,
    taken: Taken,
    at_ms: int,
    regime: Regime,
    others: Alternatives,
) -> list[Effect]:
    """The step becomes an action: proposed to a person, or approved by policy and sent."""
    step = taken.step
    case.held.pop(step.action, None)
    case.wakes.pop(step.action, None)
    case.tried[step.action] = case.tried.get(step.action, 0) + 1
    home.cooldowns[step.action] = at_ms + step.cooldown_s * 1000
    return enter(home, case, taken, at_ms, regime, others)


def enter(
    home: HomeState, case: Case, taken: Taken, at_ms: int, regime: Regime, others: Alternatives
) -> list[Effect]:
    """The first records of an action that is allowed."""
    step = taken.step
    state = FIRST_STATE[step.tier]
    if state is not ActionState.APPROVED or needs_permit(step, case, regime.playbook):
        action = begin(home, case, taken, state, at_ms, regime.playbook, others)
        asked = send(home, case, regime, action, at_ms) if state is ActionState.APPROVED else []
        return [action, *asked]
    sent = begin(home, case, taken, ActionState.DISPATCHED, at_ms, regime.playbook, others)
    note_message(home, case, regime.playbook, sent)
    return [sent]


def _alternatives(findings: list[tuple[Step, Finding]], taken: int) -> Alternatives:
    """All other steps with the reason why they were not taken."""
    return tuple(
        wire.Alternative(step.action, _why_not(finding))
        for index, (step, finding) in enumerate(findings)
        if index != taken
    )


def _why_not(finding: Finding) -> str:
    if finding.held is not None:
        return finding.held.because.value
    return (finding.passed or WhyNot.NOT_NEEDED_YET).value
