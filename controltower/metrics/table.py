"""All metrics in one table: name, kind, unit, labels with their closed lists of values, meaning."""

from __future__ import annotations

from controltower.metrics.board import BOARD
from controltower.metrics.gateway import GATEWAY
from controltower.metrics.kinds import Label, Metric
from controltower.metrics.stream import STREAM
from controltower.metrics.tallies import TALLIES

#: What a stage measures.
METRICS: tuple[Metric, ...] = (*STREAM, *TALLIES)


def metrics_table() -> str:
    """Every metric as a Markdown table: name, kind, unit, labels, meaning."""
    rows = ["| metric | kind | unit | labels | what it counts or measures |", "|--|--|--|--|--|"]
    for metric in (*METRICS, *BOARD, *GATEWAY):
        labels = "; ".join(_shown(label) for label in metric.labels) or "-"
        rows.append(f"| `{metric.name}` | {metric.kind} | {metric.unit} | {labels} | {metric.about} |")
    return "\n".join(rows) + "\n"


def _shown(label: Label) -> str:
    if label.values is None:
        return f"`{label.name}`: {label.bound}"
    return f"`{label.name}`: {', '.join(label.values)}"
