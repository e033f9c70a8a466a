"""A playbook in plain words: what it answers, within which limits, and how another one differs."""

from __future__ import annotations

from collections.abc import Iterator

from controltower.recovery.limits import Cap, Scope
from controltower.recovery.policy import Playbook, Step
from schemas.vocabulary import ExceptionCode

#: (tenant, carrier, zone, service tier)
Names = tuple[str, str | None, str | None, str | None]


def explain(playbook: Playbook, code: ExceptionCode | None, names: Names) -> list[str]:
    """The whole playbook, or one code as it counts for these names."""
    if code is not None:
        return [f"{playbook.policy_version} ({playbook.mode})", *_rule(playbook, code, names)]
    lines = [f"{playbook.policy_version} ({playbook.mode})", *_limits(playbook)]
    for each in ExceptionCode:
        lines += _rule(playbook, each, names)
    return lines


def _limits(playbook: Playbook) -> Iterator[str]:
    yield f"  one home may cost {playbook.cost_cap:g}"
    if playbook.two_persons_above is not None:
        yield f"  two persons approve what costs more than {playbook.two_persons_above:g}"
    if playbook.customer_messages is not None:
        yield f"  a customer gets {playbook.customer_messages.most} messages at most"
    quiet = playbook.quiet_hours
    if quiet is not None:
        names = ", ".join(quiet.actions)
        yield f"  quiet from {quiet.begins:%H:%M} to {quiet.ends:%H:%M} of the recipient's day: {names}"
    yield from (f"  {_cap(cap)}" for cap in playbook.caps)


def _cap(cap: Cap) -> str:
    most = [] if cap.most is None else [f"{cap.most} actions"]
    most += [] if cap.most_cost is None else [f"a cost of {cap.most_cost:g}"]
    which = f" ({', '.join(cap.actions)})" if cap.actions else ""
    when = "at a time" if cap.within == "open" else f"per {cap.within}"
    return f"{cap.name}: each {cap.per} has {' and '.join(most)} {when}{which}"


def _rule(playbook: Playbook, code: ExceptionCode, names: Names) -> Iterator[str]:
    rule = playbook.rules.get(code)
    if rule is None:
        yield f"{code}: denied, there is no rule"
        return
    chosen = playbook.choose(code, *names)
    yield f"{chosen.name}: {rule.why}" if chosen.steps else f"{chosen.name}: denied on purpose; {rule.why}"
    for place, step in enumerate(chosen.steps):
        yield f"  [{place}] {_step(step, playbook.persons_for(step))}"
    for scoped in rule.scoped:
        if f"{code}/{scoped.name}" != chosen.name:
            yield f"  other steps for {_scope(scoped.scope)}: {code}/{scoped.name}"


def _scope(scope: Scope) -> str:
    named = scope.model_dump(exclude_defaults=True)
    return "; ".join(f"{name} {', '.join(values)}" for name, values in named.items())


def _step(step: Step, persons: int) -> str:
    asked = f", {persons} to approve" if persons > 1 else ""
    role = f" in the role {step.approver}" if step.approver else ""
    undo = f"; {step.compensate.action} after {', '.join(step.compensate.after)}" if step.compensate else ""
    return (
        f"{step.action} {step.tier}{asked}{role}: {step.why} "
        f"(costs {step.cost:g}, {step.max_attempts} times, again after {step.cooldown_s} s, "
        f"ends after {step.ttl_s} s{undo})"
    )


def diff(one: Playbook, other: Playbook) -> list[str]:
    """What `other` says otherwise, field by field; empty where both decide alike."""
    return list(_differences("", one.model_dump(mode="json"), other.model_dump(mode="json")))


def _differences(path: str, one: object, other: object) -> Iterator[str]:
    if isinstance(one, dict) and isinstance(other, dict):
        for name in [*one, *(name for name in other if name not in one)]:
            inner = f"{path}.{name}" if path else str(name)
            if name not in other:
                yield f"- {inner}"
            elif name not in one:
                yield f"+ {inner}: {_short(other[name])}"
            else:
                yield from _differences(inner, one[name], other[name])
    elif isinstance(one, list) and isinstance(other, list) and _keyed(one) and _keyed(other):
        yield from _differences(path, _by_name(one), _by_name(other))
        if [*_by_name(one)] != [*_by_name(other)] and {*_by_name(one)} == {*_by_name(other)}:
            yield f"~ {path}: the order is {', '.join(_by_name(other))}"
    elif one != other:
        yield f"~ {path}: {_short(one)} -> {_short(other)}"


def _keyed(entries: list[object]) -> bool:
    return all(isinstance(entry, dict) and ("action" in entry or "name" in entry) for entry in entries)


def _by_name(entries: list[object]) -> dict[str, object]:
    found = (entry for entry in entries if isinstance(entry, dict))
    return {str(entry.get("name") or entry["action"]): entry for entry in found}


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
