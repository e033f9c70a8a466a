"""The records of an action: how it begins and how it goes on. `seq` starts at 1 and has no gap."""

from __future__ import annotations

from typing import Any, NamedTuple
from uuid import uuid5

import msgspec

from controltower.exceptions.identity import NAMESPACE
from controltower.recovery.governance import AT_DISPATCH, Held
from controltower.recovery.messages import find_recipients, leave_out
from controltower.recovery.policy import Playbook, Step
from controltower.recovery.state import Case, HomeState
from controltower.route.timeline import from_ms
from schemas import wire
from schemas.vocabulary import TERMINAL_ACTION_STATES, ActionName, ActionState

#: What follows from an event: transitions of actions, questions and answers about permits, replies.
Effect = wire.Action | wire.PermitRequest | wire.Permit | wire.PermitReturn | wire.CommandReply
_TAKEN_BACK = frozenset({ActionState.CANCELLED, ActionState.SUPERSEDED, ActionState.EXPIRED})


class Taken(NamedTuple):
    """A step, by which name actions refer to it, and what it puts right, if anything."""

    step: Step
    rule: str
    compensates: str | None = None


def action_id(exception_id: str, action: ActionName, attempt: int) -> str:
    """uuid5 of exception, action and attempt: the same decision has the same id in every replay."""
    return str(uuid5(NAMESPACE, f"{exception_id}|{action.value}|{attempt}"))


def begin(
    home: HomeState,
    case: Case,
    taken: Taken,
    state: ActionState,
    at_ms: int,
    playbook: Playbook,
    alternatives: tuple[wire.Alternative, ...],
    held: Held | None = None,
) -> wire.Action:
    """The first record of the next attempt of a step for `case`."""
    step = taken.step
    attempt = case.attempts.get(step.action, 0) + 1
    case.attempts[step.action] = attempt
    persons = playbook.persons_for(step)
    action = wire.Action(
        action_id=action_id(case.exception_id, step.action, attempt),
        seq=1,
        exception_id=case.exception_id,
        home=home.home,
        tenant=case.tenant,
        action=step.action,
        code=case.code,
        attempt=attempt,
        state=state,
        tier=step.tier,
        subject=case.subject,
        route_id=case.route_id,
        parameters=_parameters(step, case, home, playbook),
        reason=step.why,
        alternatives=alternatives,
        cost=step.cost,
        expected_gain_s=step.expected_gain_s,
        expires_at=None if held else from_ms(at_ms + step.ttl_s * 1000),
        idempotency_key=f"{case.exception_id}/{step.action.value}/{attempt}",
        suppressed_because=held.because if held else None,
        policy_version=playbook.policy_version,
        decided_at=from_ms(at_ms),
        published_at=from_ms(at_ms),
        rule=taken.rule,
        limit=held.limit if held else None,
        approver=step.approver if persons else None,
        approvals_needed=persons,
        compensates=taken.compensates,
    )
    return _keep(home, action)


def move(
    home: HomeState,
    action: wire.Action,
    state: ActionState,
    at_ms: int,
    held: Held | None = None,
    **changes: Any,
) -> wire.Action:
    """The next record of an action that goes on to `state`."""
    at = from_ms(at_ms)
    following = msgspec.structs.replace(
        action,
        seq=action.seq + 1,
        state=state,
        suppressed_because=held.because if held else None,
        limit=held.limit if held else None,
        take_back=state in _TAKEN_BACK and action.state in AT_DISPATCH,
        decided_at=at,
        published_at=at,
        **changes,
    )
    return _keep(home, following)


def _keep(home: HomeState, action: wire.Action) -> wire.Action:
    """Remember the action while it is open, and what it costs once it is sent."""
    if action.state is ActionState.DISPATCHED:
        home.spent += action.cost
    if action.state in TERMINAL_ACTION_STATES:
        home.actions.pop(action.action_id, None)
    else:
        home.actions[action.action_id] = action
    return action


def _parameters(step: Step, case: Case, home: HomeState, playbook: Playbook) -> dict[str, Any]:
    """Fixed ones of the playbook, and the facts of the exception that it passes on."""
    passed_on = {name: case.facts.get(name) for name in step.pass_on}
    found = {**step.parameters, **{name: fact for name, fact in passed_on.items() if fact is not None}}
    budget = playbook.customer_messages
    if budget is None or step.action not in budget.actions:
        return found
    return leave_out(found, find_recipients(case, home, budget))
