"""Intervals by the bootstrap over groups: whole trips or vehicle blocks are drawn, never single rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
DRAWS = 1000
#: For measures that are no mean, and cost a pass over the rows each time.
_FEW_DRAWS = 200
_SEED = 20260216


class Interval(NamedTuple):
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float

    def told(self, digits: int = 1) -> str:
        """With so many digits behind the point."""
        return f"{self.value:.{digits}f} [{self.low:.{digits}f}, {self.high:.{digits}f}]"


def draw_weights(groups: int, draws: int = DRAWS) -> Floats:
    """How often each group is drawn in each resample, shape (draws, groups)."""
    rng = np.random.default_rng(_SEED)
    return np.asarray(rng.multinomial(groups, np.full(groups, 1 / groups), size=draws), dtype=np.float64)


def bootstrap_mean(values: Floats, group: NDArray[np.generic]) -> Interval:
    """The mean of `values` (n,) with its interval over the groups (n,)."""
    if not len(values):
        return Interval(np.nan, np.nan, np.nan)
    _, index = np.unique(group, return_inverse=True)
    totals = np.bincount(index, values)
    counts = np.bincount(index).astype(np.float64)
    weights = draw_weights(len(counts))
    means = (weights @ totals) / np.maximum(weights @ counts, 1e-9)
    low, high = np.quantile(means, [0.025, 0.975])
    return Interval(float(values.mean()), float(low), float(high))


def bootstrap(measure: Callable[[Floats], float], group: NDArray[np.generic]) -> Interval:
    """Any measure of weights per row (n,), with its interval over the groups (n,)."""
    if not len(group):
        return Interval(np.nan, np.nan, np.nan)
    _, index = np.unique(group, return_inverse=True)
    drawn = [measure(weights[index]) for weights in draw_weights(int(index.max()) + 1, _FEW_DRAWS)]
    low, high = np.nanquantile(drawn, [0.025, 0.975])
    return Interval(measure(np.ones(len(group))), float(low), float(high))
