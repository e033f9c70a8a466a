"""What a scorer says to rows of features, and the table that rows become."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from controltower.risk.features import FEATURES, SITUATION_FROM

Floats = NDArray[np.float64]
Row = Sequence[float | None]

SLACK = [name for name, _ in FEATURES].index("slack_s")
HORIZON = [name for name, _ in FEATURES].index("horizon_s")
_PLANNED = [name for name, _ in FEATURES].index("planned_s")
_SLIP = [name for name, _ in FEATURES].index("steady_slip_s")
#: As the rule assumes it, measured on a city's bus afternoon (see route/eta.py).
_SCALE_BASE_S, _SCALE_SHARE = 60.0, 0.13


class Predictions(NamedTuple):
    """One entry per row, arrays of shape (n,).

    p_late: probability of missing the promise of the row; 0 where it has none. Of a row of `shift_row` it is
    the probability that the route is not done by the end of the shift.
    p10_s, p50_s, p90_s: quantiles of the arrival minus the ETA of the question (`horizon_s` from now), s.
    They do not cross, and no arrival lies before now.
    """

    p_late: Floats
    p10_s: Floats
    p50_s: Floats
    p90_s: Floats


def to_table(rows: Sequence[Row]) -> Floats:
    """Shape (n, F); a missing feature is NaN, not zero."""
    table = np.array(rows, dtype=np.float64)  # numpy reads None as NaN
    return table.reshape(len(rows), len(FEATURES))


def join_table(ahead: Sequence[Row], situations: Sequence[Row], sizes: Sequence[int]) -> Floats:
    """As `to_table`, of rows without their situation: `sizes[k]` of them in turn are in `situations[k]`."""
    table = np.empty((len(ahead), len(FEATURES)))
    table[:, :SITUATION_FROM] = _to_numbers(ahead, SITUATION_FROM)
    table[:, SITUATION_FROM:] = _to_numbers(situations, len(FEATURES) - SITUATION_FROM).repeat(sizes, axis=0)
    return table


def _to_numbers(rows: Sequence[Row], width: int) -> Floats:
    """Shape (n, width). Packed by `struct`, which takes a quarter of the time of numpy's own reading."""
    flat = [math.nan if value is None else value for row in rows for value in row]
    return np.frombuffer(struct.pack(f"{len(flat)}d", *flat)).reshape(-1, width)


def horizon_s(table: Floats) -> Floats:
    """The ETA from now, s, shape (n,); 0 where it is missing."""
    return _or_zero(table[:, HORIZON])


def _or_zero(values: Floats) -> Floats:
    return np.where(np.isnan(values), 0.0, values)


def persisting_s(table: Floats) -> Floats:
    """Arrival minus ETA where the steady slip of now persists, s, shape (n,). Boosters learn the rest:
    trees would have to build this line of steps."""
    arrival = np.maximum(0.0, table[:, _PLANNED] + table[:, _SLIP])
    return _or_zero(arrival - table[:, HORIZON])


def scale_s(table: Floats) -> Floats:
    """What a forecast so far ahead is usually off by, s, shape (n,): boosters learn the error in this unit,
    so that near and far stops count alike."""
    return _SCALE_BASE_S + _SCALE_SHARE * np.maximum(0.0, horizon_s(table))


def order(table: Floats, p_late: Floats, p10_s: Floats, p50_s: Floats, p90_s: Floats) -> Predictions:
    """Held to what must be true of any answer: see Predictions."""
    earliest = -horizon_s(table)
    p50 = np.maximum(p50_s, earliest)
    return Predictions(
        np.where(np.isnan(table[:, SLACK]), 0.0, np.minimum(np.maximum(p_late, 0.0), 1.0)),
        np.maximum(np.minimum(p10_s, p50), earliest),
        p50,
        np.maximum(p90_s, p50),
    )
