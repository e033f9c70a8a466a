"""How every bench measures: CPU of a process and its children, and the spread over rounds."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence

import psutil

#: (least, median, most)
Spread = tuple[float, float, float]


def cpu_s(pid: int) -> float:
    """User and system time so far, of the process and of its children, ended ones included."""
    process = psutil.Process(pid)
    own = process.cpu_times()
    total = own.user + own.system + own.children_user + own.children_system
    for child in process.children(recursive=True):
        try:
            times = child.cpu_times()
        except psutil.NoSuchProcess:  # its time is in its parent's by now
            continue
        total += times.user + times.system
    return float(total)


def spread(figures: Iterable[float]) -> Spread:
    """Least, median and most; at least one figure."""
    ordered = sorted(figures)
    return ordered[0], statistics.median(ordered), ordered[-1]


def told(figures: Spread, digits: int = 1) -> str:
    """`least / median / most`."""
    return " / ".join(f"{figure:,.{digits}f}" for figure in figures)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table with aligned columns."""
    lines = [list(head), *(list(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    shown = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |"
        for line in lines
    ]
    return "\n".join([shown[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *shown[1:]])
