"""The outcomes of a backtest side by side: as lines for a terminal, and as one HTML page with plots."""

from __future__ import annotations

import base64
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from controltower.offline.backtest import Outcome
from controltower.recovery.messages import STOPS
from schemas.vocabulary import ActionName, ActionState

_MESSAGES = (ActionName.NOTIFY_CUSTOMER, ActionName.CONFIRM_WITH_CUSTOMER)
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Backtest of playbooks</title><style>
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0; } td, th { padding: .2rem .8rem; text-align: right; }
th { border-bottom: 1px solid #888; } td:first-child, th:first-child { text-align: left; }
img { max-width: 100%; } </style></head><body>
<h1>Backtest of playbooks</h1>
<p>{{ recording }}. {{ basis }}</p>
{% for table in tables %}<h2>{{ table.title }}</h2>
<table><tr><th></th>{% for name in names %}<th>{{ name }}</th>{% endfor %}</tr>
{% for row, values in table.rows %}<tr><td>{{ row }}</td>
{% for value in values %}<td>{{ value }}</td>{% endfor %}</tr>
{% endfor %}</table>
<img alt="{{ table.title }}" src="data:image/png;base64,{{ table.plot }}">
{% endfor %}</body></html>
"""


@dataclass(slots=True, frozen=True)
class Account:
    """One outcome in numbers."""

    name: str
    states: Counter[str]
    suppressed: Counter[str]
    sent: Counter[str]
    cost: dict[str, float]
    #: how many customers got so many messages
    messages: Counter[str]


def account(outcome: Outcome) -> Account:
    """Count it. A customer is a shipment or a stop; a message that names none counts for its subject."""
    latest = list(outcome.actions.values())
    sent = [action for action in outcome.told if action.state is ActionState.DISPATCHED]
    cost: Counter[str] = Counter()
    told: Counter[str] = Counter()
    for action in sent:
        cost[action.action.value] += action.cost  # type: ignore[assignment]
        told.update(_customers(action) if action.action in _MESSAGES else ())
    return Account(
        outcome.playbook.policy_version,
        Counter(action.state.value for action in latest),
        Counter(action.suppressed_because.value for action in latest if action.suppressed_because),
        Counter(action.action.value for action in sent),
        dict(cost),
        Counter(str(count) for count in told.values()),
    )


def _customers(action: Any) -> list[str]:
    stops = action.parameters.get(STOPS)
    return [f"{action.home} {stop}" for stop in stops.split(",")] if stops else [action.subject]


@dataclass(slots=True, frozen=True)
class Table:
    """`rows`: (label, one number per outcome)."""

    title: str
    rows: list[tuple[str, list[float]]]


def tables(accounts: Sequence[Account]) -> list[Table]:
    """What is compared, in the order in which it is shown."""
    return [
        _table("Actions by state", [a.states for a in accounts]),
        _table("Sent, by action", [a.sent for a in accounts]),
        _table("Cost of what was sent", [a.cost for a in accounts], total=True),
        _table("Customers by number of messages", [a.messages for a in accounts]),
        _table("Held back, by reason", [a.suppressed for a in accounts]),
    ]


def _table(title: str, counts: Sequence[Any], *, total: bool = False) -> Table:
    names = sorted({name for count in counts for name in count})
    rows = [(name, [round(float(count.get(name, 0)), 2) for count in counts]) for name in names]
    if total:
        rows.append(("together", [round(sum(count.values()), 2) for count in counts]))
    return Table(title, rows)


def lines(accounts: Sequence[Account]) -> Iterator[str]:
    """For a terminal."""
    for table in tables(accounts):
        yield f"{table.title:<32}" + "".join(f"{a.name:>26}" for a in accounts)
        for label, values in table.rows:
            yield f"  {label:<30}" + "".join(f"{value:>26,g}" for value in values)


def page(accounts: Sequence[Account], recording: str, basis: str) -> str:
    """One HTML file without anything outside of it."""
    from jinja2 import Environment

    shown = [
        {
            "title": table.title,
            "rows": [(label, [f"{value:,g}" for value in values]) for label, values in table.rows],
            "plot": _plot(table, [a.name for a in accounts]),
        }
        for table in tables(accounts)
    ]
    template = Environment(autoescape=True).from_string(_PAGE)
    return template.render(names=[a.name for a in accounts], tables=shown, recording=recording, basis=basis)


def _plot(table: Table, names: Sequence[str]) -> str:
    """Grouped bars as PNG, in base64."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 0.5 + 0.35 * len(names) * max(1, len(table.rows))), layout="constrained")
    axes = figure.subplots()
    height = 0.8 / len(names)
    for place, name in enumerate(names):
        at = [row + place * height for row in range(len(table.rows))]
        axes.barh(at, [values[place] for _, values in table.rows], height=height, label=name)
    middle = [row + 0.4 - height / 2 for row in range(len(table.rows))]
    axes.set_yticks(middle, [label for label, _ in table.rows])
    axes.invert_yaxis()
    axes.legend(fontsize="small")
    written = io.BytesIO()
    figure.savefig(written, format="png", dpi=90)
    return base64.b64encode(written.getvalue()).decode()
