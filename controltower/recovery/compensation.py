"""Puts right what has run and should not have, while its exception is still open.

When the exception ends with an action at dispatch, no action follows it: the last record of that one says
`take_back` instead.
"""

from __future__ import annotations

from controltower.recovery.actions import Effect, Taken, begin
from controltower.recovery.governance import find_hold_of_undoing
from controltower.recovery.policy import Step, Undoing
from controltower.recovery.regime import Regime
from controltower.recovery.state import Case, HomeState
from controltower.recovery.weigh import chosen_for, enter
from schemas import wire
from schemas.vocabulary import ActionState, Tier

_AFTER = {ActionState.FAILED: Undoing.FAILED, ActionState.EXPIRED: Undoing.EXPIRED}


def note_success(home: HomeState, regime: Regime, action: wire.Action) -> None:
    """Remember an action that has to be put right should the condition be over soon."""
    case = home.cases[action.exception_id]
    step = _find_step(case, regime, action)
    if step is not None and step.compensate is not None and Undoing.CLEARED in step.compensate.after:
        case.done[action.action] = action.action_id


def undo_half_done(
    home: HomeState, regime: Regime, action: wire.Action, end: ActionState, at_ms: int
) -> list[Effect]:
    """Dispatch had accepted the action, and it failed or nobody heard of it again."""
    if action.state is not ActionState.ACCEPTED or action.compensates is not None:
        return []
    case = home.cases[action.exception_id]
    return _undo(home, case, regime, action.action, action.action_id, _AFTER[end], at_ms)


def undo_cleared(home: HomeState, case: Case, regime: Regime, at_ms: int) -> list[Effect]:
    """The condition is over: what was said or done because of it is put right, once."""
    effects: list[Effect] = []
    done, case.done = case.done, {}
    for name, action_id in done.items():
        effects += _undo(home, case, regime, name, action_id, Undoing.CLEARED, at_ms)
    return effects


def _find_step(case: Case, regime: Regime, action: wire.Action) -> Step | None:
    if action.compensates is not None:
        return None
    return next((s for s in chosen_for(case, regime).steps if s.action is action.action), None)


def _undo(
    home: HomeState,
    case: Case,
    regime: Regime,
    name: str,
    action_id: str,
    because: Undoing,
    at_ms: int,
) -> list[Effect]:
    rule, steps = chosen_for(case, regime)
    place, undone = next(((i, s) for i, s in enumerate(steps) if s.action == name), (0, None))
    compensation = undone.compensate if undone else None
    if compensation is None or because not in compensation.after:
        return []
    step = Step(
        action=compensation.action,
        tier=Tier.AUTO_EXECUTE,
        why=compensation.why,
        ttl_s=compensation.ttl_s,
        cooldown_s=1,
        cost=compensation.cost,
        parameters={"because": because.value, **compensation.parameters},
        pass_on=undone.pass_on if undone else (),
    )
    taken = Taken(step, f"{rule}[{place}].compensate", action_id)
    held = find_hold_of_undoing(step, case, home, regime, at_ms)
    if held is not None:
        return [begin(home, case, taken, ActionState.SUPPRESSED, at_ms, regime.playbook, (), held)]
    return enter(home, case, taken, at_ms, regime, ())
