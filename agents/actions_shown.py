"""Recovery actions in plain words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from schemas import wire


def show_line(action: wire.Action) -> str:
    """One action on one line."""
    because = f" ({_because(action)})" if action.suppressed_because else ""
    return (
        f"{action.action_id}  {_time(action.decided_at)}  {action.action:<22}"
        f" {action.state}{because}  {action.code}  {action.subject}"
    )


def show_life(life: Sequence[wire.Action]) -> Iterator[str]:
    """All records of an action, in order."""
    last = life[-1]
    yield f"{last.action} for {last.code} of {last.subject} (attempt {last.attempt})"
    yield f"  action     {last.action_id}"
    yield f"  exception  {last.exception_id}"
    yield f"  why        {last.reason}"
    yield f"  decided by {last.rule or 'a rule'} of {last.policy_version}, {last.tier}"
    if last.compensates:
        yield f"  puts right {last.compensates}"
    if last.parameters:
        yield f"  parameters {', '.join(f'{name}={value}' for name, value in last.parameters.items())}"
    yield f"  cost {last.cost:g}, expected gain {last.expected_gain_s:g} s"
    for record in life:
        yield f"  {_time(record.decided_at)}  {record.state}{_told(record)}"


def tell_why(lives: Sequence[Sequence[wire.Action]]) -> Iterator[str]:
    """For one exception: what was weighed, what decided, who approved, what happened."""
    first = lives[0][0]
    yield f"{first.code} of {first.subject}, exception {first.exception_id}"
    for life in sorted(lives, key=lambda life: (life[0].decided_at, life[0].action_id)):
        last = life[-1]
        yield ""
        yield f"{_time(life[0].decided_at)}  {last.action}: {' -> '.join(_state(r) for r in life)}"
        yield f"  rule       {last.rule or '-'} of {last.policy_version}: {last.reason}"
        weighed = ", ".join(f"{other.action} ({other.why_not})" for other in last.alternatives)
        yield f"  weighed    {weighed or 'nothing else'}"
        yield from (f"  {line}" for line in _people(last))
        if last.answered_by or last.answer_reason:
            yield f"  dispatch   {last.answered_by or 'it'}: {last.answer_reason or last.state}"
        yield f"  action     {last.action_id}"


def _people(action: wire.Action) -> Iterator[str]:
    for said in action.approvals:
        word = "approved by" if said.approved else "refused by"
        role = f" as {said.role}" if said.role else ""
        yield f"{word} {said.by}{role} at {_time(said.at)}: {said.why or 'no reason given'}"
    missing = action.approvals_needed - len(action.approvals)
    if action.approvals_needed and missing > 0:
        yield f"approval   {missing} of {action.approvals_needed} persons missing"


def _told(record: wire.Action) -> str:
    if record.suppressed_because:
        return f" because of {_because(record)}"
    if record.take_back:
        return ", to be taken back"
    said = record.approvals[-1] if record.approvals else None
    return f", {said.by}: {said.why or 'no reason given'}" if said and said.at == record.decided_at else ""


def _state(record: wire.Action) -> str:
    return f"{record.state} ({_because(record)})" if record.suppressed_because else record.state.value


def _because(action: wire.Action) -> str:
    return f"{action.suppressed_because}{f', {action.limit}' if action.limit else ''}"


def _time(at: datetime) -> str:
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")
