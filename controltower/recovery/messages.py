"""Whose customers a message would reach, and how many messages each has had."""

from __future__ import annotations

from controltower.recovery.limits import CustomerMessages
from controltower.recovery.state import Case, HomeState
from schemas import wire

#: What the budget is called where an action says which limit held it back.
MESSAGES = "customer_messages"
#: The fact and the parameter that list stops, separated by commas.
STOPS = "stops"


def recipients_of(case: Case) -> list[str]:
    """The shipment, else the stops at risk, else the one stop, else all that the subject stands for."""
    if case.shipment_id is not None:
        return [f"shipment:{case.shipment_id}"]
    stops = case.facts.get(STOPS)
    if isinstance(stops, str) and stops:
        return [f"stop:{stop}" for stop in stops.split(",")]
    stop = case.facts.get("stop_id")
    return [f"stop:{stop}"] if stop else [case.subject]


def find_recipients(case: Case, home: HomeState, budget: CustomerMessages) -> list[str]:
    """Who may still be sent something."""
    return [name for name in recipients_of(case) if home.messages.get(name, 0) < budget.most]


def leave_out(parameters: dict[str, object], recipients: list[str]) -> dict[str, object]:
    """The parameters of a message without the stops that have had enough."""
    stops = parameters.get(STOPS)
    if not isinstance(stops, str):
        return parameters
    left = [stop for stop in stops.split(",") if f"stop:{stop}" in recipients]
    return {**parameters, STOPS: ",".join(left)}


def may_be_told(action: wire.Action, case: Case, home: HomeState, budget: CustomerMessages) -> bool:
    """Whether everybody that the action would reach may still be sent something."""
    return action.action not in budget.actions or all(
        home.messages.get(name, 0) < budget.most for name in _reached(action, case)
    )


def count_message(home: HomeState, case: Case, action: wire.Action, budget: CustomerMessages) -> None:
    """The action was sent."""
    for name in _reached(action, case) if action.action in budget.actions else ():
        home.messages[name] = home.messages.get(name, 0) + 1


def _reached(action: wire.Action, case: Case) -> list[str]:
    """The stops that it names, else whom the case is about."""
    stops = action.parameters.get(STOPS)
    if case.shipment_id is None and isinstance(stops, str) and stops:
        return [f"stop:{stop}" for stop in stops.split(",")]
    return recipients_of(case)
