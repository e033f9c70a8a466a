"""Which of our metrics, labels and values a PromQL expression speaks of."""

from __future__ import annotations

import re
from collections.abc import Iterator

from controltower.metrics.board import BOARD
from controltower.metrics.kinds import OTHER, Kind, Metric
from controltower.metrics.table import METRICS

#: Labels that Prometheus adds to every metric of a target.
TARGET_LABELS = frozenset({"job", "instance", "stage"})
_SELECTOR = re.compile(r"\b(controltower[_:][a-z0-9_:]+)(?:\{([^}]*)\})?")
_MATCHER = re.compile(r'([a-z_]+)\s*(=~|!~|!=|=)\s*"([^"]*)"')
_SERIES: dict[str, Metric] = {}
for _metric in (*METRICS, *BOARD):
    suffixes = ("_bucket", "_sum", "_count") if _metric.kind is Kind.HISTOGRAM else ("",)
    _SERIES.update({_metric.name + suffix: _metric for suffix in suffixes})


def find_faults(expr: str, recorded: frozenset[str]) -> Iterator[str]:
    """What the expression asks for that nothing provides. `recorded` are the names of recording rules."""
    for name, matchers in _SELECTOR.findall(expr):
        if name in recorded:
            continue
        if name not in _SERIES:
            yield f"{name} is neither in the table of metrics nor recorded by a rule"
            continue
        labels = {label.name: label.values for label in _SERIES[name].labels}
        for label, operator, value in _MATCHER.findall(matchers):
            yield from _matcher_faults(name, labels, label, operator, value)


def _matcher_faults(
    name: str, labels: dict[str, tuple[str, ...] | None], label: str, operator: str, value: str
) -> Iterator[str]:
    if label not in labels and label not in TARGET_LABELS and label != "le":
        yield f"{name} has no label {label}"
    values = labels.get(label)
    if operator in ("=", "!=") and values is not None and value not in (*values, OTHER):
        yield f"{name}: {label} is never {value!r}"
