"""Goes through the steps of a rule and takes the first that is allowed; what is held back is told."""

from __future__ import annotations

from typing import Final

from controltower.recovery.actions import begin
from controltower.recovery.governance import FIRST_STATE, Finding, WhyNot, judge
from controltower.recovery.policy import Playbook, Step
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


def weigh(
    home: HomeState, case: Case, playbook: Playbook, at_ms: int, first_step: int = 0
) -> list[wire.Action]:
    """Records of the steps held back, then of the one put forward, if any.

    first_step: where to begin; after a failure the step behind the failed one.
    """
    rule = playbook.rules.get(case.code)
    steps = rule.steps if rule else ()
    findings = [(step, judge(step, case, home, playbook, at_ms)) for step in steps[first_step:]]
    effects: list[wire.Action] = []
    for index, (step, finding) in enumerate(findings):
        others = _alternatives(findings, index)
        if finding.held is not None:
            effects += _hold_back(home, case, step, finding.held, at_ms, playbook, others)
        elif finding.passed is None:
            return [*effects, _put_forward(home, case, step, at_ms, playbook, others)]
    if not case.attempts:
        others = _alternatives(findings, len(findings))
        effects += _hold_back(home, case, _NO_ANSWER, SuppressReason.NO_POLICY, at_ms, playbook, others)
    return effects


def _hold_back(
    home: HomeState,
    case: Case,
    step: Step,
    because: SuppressReason,
    at_ms: int,
    playbook: Playbook,
    others: tuple[wire.Alternative, ...],
) -> list[wire.Action]:
    """One SUPPRESSED record; none where the same was told last."""
    if case.held.get(step.action) is because:
        return []
    case.held[step.action] = because
    version = playbook.policy_version
    return [begin(home, case, step, ActionState.SUPPRESSED, at_ms, version, others, because)]


def _put_forward(
    home: HomeState,
    case: Case,
    step: Step,
    at_ms: int,
    playbook: Playbook,
    others: tuple[wire.Alternative, ...],
) -> wire.Action:
    case.held.pop(step.action, None)
    case.tried[step.action] = case.tried.get(step.action, 0) + 1
    home.cooldowns[step.action] = at_ms + step.cooldown_s * 1000
    return begin(home, case, step, FIRST_STATE[step.tier], at_ms, playbook.policy_version, others)


def _alternatives(findings: list[tuple[Step, Finding]], taken: int) -> tuple[wire.Alternative, ...]:
    """All other steps with the reason why they were not taken."""
    return tuple(
        wire.Alternative(step.action, (finding.held or finding.passed or WhyNot.NOT_NEEDED_YET).value)
        for index, (step, finding) in enumerate(findings)
        if index != taken
    )
