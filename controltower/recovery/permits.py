"""Sending an action: at once, or once all whom it concerns beyond its home have permitted it.

Whether a carrier, a vehicle or a tenant may have one more is decided in the log of that target. The home
asks when it would send, and answers each permit in the same step: it sends the action or returns the permit.
So a permit never waits for anything but the record that uses it, and it ends with its action, which has a
time to live.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from controltower.recovery.actions import Effect, move
from controltower.recovery.governance import Held, find_hold_at_send
from controltower.recovery.limits import Cap, Per, Window
from controltower.recovery.messages import count_message
from controltower.recovery.policy import Playbook, Step
from controltower.recovery.quiet import bucket_of
from controltower.recovery.regime import Regime
from controltower.recovery.state import Asked, Case, HomeState, Permits
from controltower.route.timeline import from_ms, to_ms
from schemas import wire
from schemas.vocabulary import TERMINAL_ACTION_STATES, ActionName, ActionState, SuppressReason

#: Where an action says that its permits came after the hour or day they were for; it is asked for again.
EXPIRED: Final = "permit_expired"


def send(home: HomeState, case: Case, regime: Regime, action: wire.Action, at_ms: int) -> list[Effect]:
    """An APPROVED action goes out, or asks whom it must."""
    asked = dict(_targets(action.action, action.cost, case, regime.playbook))
    if not asked:
        return [dispatch(home, case, regime, action, at_ms)]
    requests: list[Effect] = []
    home.permits[action.action_id] = Permits([])
    for target, caps in asked.items():
        request = _request(home, action, target, caps, at_ms, regime.playbook.time_zone)
        ends = [to_ms(cap.ends_at) for cap in request.caps if cap.ends_at is not None]
        counts_open = any(cap.within is Window.OPEN for cap in caps)
        home.permits[action.action_id].asked.append(
            Asked(target, counts_open, ends_ms=min(ends, default=None))
        )
        requests.append(request)
    return requests


def dispatch(home: HomeState, case: Case, regime: Regime, action: wire.Action, at_ms: int) -> wire.Action:
    """The record that tells the dispatch system to do it."""
    note_message(home, case, regime.playbook, action)
    return move(home, action, ActionState.DISPATCHED, at_ms)


def note_message(home: HomeState, case: Case, playbook: Playbook, action: wire.Action) -> None:
    """Count it for its customers, if it is one for customers."""
    if playbook.customer_messages is not None:
        count_message(home, case, action, playbook.customer_messages)


def needs_permit(step: Step, case: Case, playbook: Playbook) -> bool:
    """Whether anybody must be asked before it is sent."""
    return next(_targets(step.action, step.cost, case, playbook), None) is not None


def _targets(
    action: ActionName, cost: float, case: Case, playbook: Playbook
) -> Iterator[tuple[str, list[Cap]]]:
    caps = [cap for cap in playbook.caps if cap.counts(action, cost)]
    for per in Per if caps else ():
        concerned = [cap for cap in caps if cap.per is per]
        name = _name(per, case) if concerned else None
        if name is not None:
            yield name, concerned


def _name(per: Per, case: Case) -> str | None:
    """`<kind>:<tenant>/<id>`, or None where the exception does not say which."""
    ids = {
        Per.SHIPMENT: case.shipment_id,
        Per.ROUTE: case.route_id,
        Per.VEHICLE: case.vehicle_id,
        Per.CARRIER: case.carrier,
        Per.TENANT: "",
    }
    return None if ids[per] is None else f"{per}:{case.tenant}/{ids[per]}"


def _request(
    home: HomeState, action: wire.Action, target: str, caps: Sequence[Cap], at_ms: int, time_zone: str
) -> wire.PermitRequest:
    asked = []
    for cap in caps:
        bucket, ends_ms = bucket_of(cap.within, at_ms, time_zone)
        ends_at = None if ends_ms is None else from_ms(ends_ms)
        asked.append(
            wire.CapAsked(
                name=cap.name, bucket=bucket, ends_at=ends_at, most=cap.most, most_cost=cap.most_cost
            )
        )
    return wire.PermitRequest(
        target=target,
        action_id=action.action_id,
        home=home.home,
        cost=action.cost,
        caps=tuple(asked),
        asked_at=from_ms(at_ms),
    )


def take_permit(
    home: HomeState, regime: Regime, permit: wire.Permit, at_ms: int
) -> tuple[list[Effect], bool]:
    """What an answer leads to, and whether it refused the action: then the next step may follow."""
    action, permits = home.actions.get(permit.action_id), home.permits.get(permit.action_id)
    asked = next((one for one in permits.asked if one.target == permit.target), None) if permits else None
    if action is None or permits is None or asked is None or action.state is not ActionState.APPROVED:
        return ([give_back(permit, at_ms)] if permit.granted else []), False
    if not permit.granted:
        again_ms = None if permit.again_at is None else to_ms(permit.again_at)
        held = Held(SuppressReason.COST_CAP, again_ms, permit.cap)
        return [_hold(home, action, held, at_ms)], True
    asked.granted = True
    if not all(one.granted for one in permits.asked):
        return [], False
    case = home.cases[action.exception_id]
    hold = find_hold_at_send(action, case, home, regime, at_ms)
    if any(one.ends_ms is not None and one.ends_ms <= at_ms for one in permits.asked):
        hold = hold or Held(SuppressReason.COST_CAP, at_ms, EXPIRED)
    if hold is not None:
        return [_hold(home, action, hold, at_ms)], False
    permits.asked = [one for one in permits.asked if one.counts_open]
    permits.sent = True
    return [dispatch(home, case, regime, action, at_ms)], False


def _hold(home: HomeState, action: wire.Action, held: Held, at_ms: int) -> wire.Action:
    """Not sent after all; it was no attempt and no cooldown follows from it."""
    case = home.cases[action.exception_id]
    if action.compensates is None:
        case.tried[action.action] = max(0, case.tried.get(action.action, 0) - 1)
        home.cooldowns.pop(action.action, None)
        case.held[action.action] = held.because
        if held.until_ms is not None:
            case.wakes[action.action] = held.until_ms
    return move(home, action, ActionState.SUPPRESSED, at_ms, held)


def give_back(permit: wire.Permit, at_ms: int) -> wire.PermitReturn:
    """Nobody uses this permit: its action is over, or was never ours."""
    return wire.PermitReturn(
        target=permit.target,
        action_id=permit.action_id,
        home=permit.home,
        used=False,
        returned_at=from_ms(at_ms),
    )


def return_permits(home: HomeState, effects: Sequence[Effect]) -> list[Effect]:
    """What the actions that have just ended held, given back. What they still wait for is when it comes."""
    returns: list[Effect] = []
    for action in effects:
        if not isinstance(action, wire.Action) or action.state not in TERMINAL_ACTION_STATES:
            continue
        permits = home.permits.pop(action.action_id, None)
        for asked in permits.asked if permits else ():
            if asked.granted and permits is not None:
                returns.append(
                    wire.PermitReturn(
                        target=asked.target,
                        action_id=action.action_id,
                        home=home.home,
                        used=permits.sent,
                        returned_at=action.decided_at,
                    )
                )
    return returns
