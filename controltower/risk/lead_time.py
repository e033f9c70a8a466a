"""How early a missed promise is told, at a threshold that keeps four of five warnings true."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from controltower.risk.bootstrap import bootstrap_mean
from controltower.risk.history import Floats, History
from controltower.risk.predictions import HORIZON, SLACK
from controltower.risk.recipe import has_promise

PRECISION = 0.8
_THRESHOLDS = np.linspace(0.02, 0.98, 49)


class Warned(NamedTuple):
    """At one threshold: precision and recall over stops, and the lead of each true warning, s before its
    promise ends; `group` per lead."""

    threshold: float
    precision: float
    recall: float
    lead_s: Floats
    group: NDArray[np.int64]


def warnings_at(history: History, p_late: Floats, group: NDArray[np.int64], threshold: float) -> Warned:
    """A stop is warned of by the first question that reaches the threshold while its promise still holds."""
    left_s = history.features[:, SLACK] + history.features[:, HORIZON]
    asked = np.flatnonzero(has_promise(history) & (left_s > 0))
    stop = (history.route[asked] * 4096 + history.stop[asked]) * 2 + history.column("shift_end")[asked]
    stops, index = np.unique(stop, return_inverse=True)
    late = np.zeros(len(stops))
    late[index] = history.late[asked]
    lead = np.zeros(len(stops))
    hit = p_late[asked] >= threshold
    np.maximum.at(lead, index[hit], left_s[asked][hit])
    of_stop = np.zeros(len(stops), dtype=np.int64)
    of_stop[index] = group[asked]
    warned = lead > 0
    true = warned & (late == 1)
    precision = float(true.sum() / warned.sum()) if warned.any() else float("nan")
    return Warned(threshold, precision, float(true.sum() / max(late.sum(), 1)), lead[true], of_stop[true])


def warnings_by_threshold(history: History, p_late: Floats, group: NDArray[np.int64]) -> list[Warned]:
    """At each of 49 thresholds, from the lowest on."""
    return [warnings_at(history, p_late, group, float(threshold)) for threshold in _THRESHOLDS]


def find_warning(warned: list[Warned]) -> Warned | None:
    """The lowest threshold from which on four of five warnings are true; None where there is none."""
    good = [one for one in warned if one.precision >= PRECISION and len(one.lead_s)]
    return good[0] if good else None


def lead_time_lines(history: History, p_late: Floats, group: NDArray[np.int64]) -> Iterator[str]:
    """One line."""
    found = find_warning(warnings_by_threshold(history, p_late, group))
    if found is None:
        yield "lead time: no threshold makes four of five warnings true"
        return
    lead = bootstrap_mean(found.lead_s / 60, found.group)
    yield (
        f"lead time at {100 * found.precision:.0f} % precision (p >= {found.threshold:.2f}): "
        f"{lead.told()} min before the promise ends, for {100 * found.recall:.0f} % of the missed stops"
    )
