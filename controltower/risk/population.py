"""Is what serving sees still what the model learned from? The population stability index per feature.

    PSI = sum over bins of (seen - learned) x ln(seen / learned)

over the bins of the manifest's reference and one for missing values; 0.1 is a shift worth a look, 0.25 one
that matters (the usual borders of credit scoring). Seen are the last 4,096 rows of this process, of which
every fourth is counted: the rows of a question are much alike. It feeds a metric and nothing else: no answer
depends on it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from controltower.risk.features import FEATURES
from controltower.risk.manifest import Manifest, Reference
from controltower.risk.predictions import Floats

#: Rows are counted in blocks, so that a batch of few rows costs next to nothing.
BLOCK_ROWS: Final = 2048
BLOCKS: Final = 2
#: One row of so many is counted.
ROWS_PER_COUNTED: Final = 4
#: A bin that is empty on one side would make the index infinite.
_LEAST_SHARE: Final = 1e-3
_PLACES: Final = {name: place for place, (name, _) in enumerate(FEATURES)}
#: Shape (bins, features): rows below each edge in turn, above the last one, and missing.
Counts = NDArray[np.int64]


class Bins:
    """Those of some features side by side; one with fewer edges has empty bins above its last one."""

    def __init__(self, reference: Mapping[str, Reference]) -> None:
        self.names = [name for name in reference if name in _PLACES]
        self._columns = [_PLACES[name] for name in self.names]
        bins = [reference[name] for name in self.names]
        most = max((len(one.edges) for one in bins), default=0)
        self._edges = np.full((most, len(bins)), np.inf)
        self._learned = np.zeros((most + 2, len(bins)))
        for column, one in enumerate(bins):
            self._edges[: len(one.edges), column] = one.edges
            self._learned[: len(one.shares), column] = one.shares
            self._learned[-1, column] = one.missing

    def count(self, rows: Floats) -> Counts:
        """rows: shape (n, F), NaN where missing."""
        seen = rows[:, self._columns]
        known = len(seen) - np.isnan(seen).sum(axis=0)
        above = [(seen >= edge).sum(axis=0) for edge in self._edges]  # a missing value is above none
        reached = np.array([known, *above, np.zeros_like(known)])
        return np.concatenate([reached[:-1] - reached[1:], [len(seen) - known]])

    def indices(self, counts: Counts) -> Floats:
        """PSI per feature."""
        seen = np.maximum(counts / np.maximum(1, counts.sum(axis=0)), _LEAST_SHARE)
        learned = np.maximum(self._learned, _LEAST_SHARE)
        return np.asarray(((seen - learned) * np.log(seen / learned)).sum(axis=0))


class Population:
    """The last rows that one process has scored, as counts by block: each row is looked at once.

    Bins are those of a model, so another model begins anew.
    """

    def __init__(self) -> None:
        self._blocks: deque[Counts] = deque(maxlen=BLOCKS)
        self._open: list[Floats] = []
        self._open_rows = 0
        self._model: str | None = None
        self._bins = Bins({})

    def watch(self, table: Floats, manifest: Manifest | None) -> Iterator[tuple[str, float]]:
        """Take rows; with every full block the index of each feature that the manifest has a reference of."""
        self._open.append(table)
        self._open_rows += len(table)
        if self._open_rows < BLOCK_ROWS:
            return
        rows = np.concatenate(self._open)[::ROWS_PER_COUNTED]
        self._open, self._open_rows = [], 0
        if manifest is None:
            return
        if manifest.model_version != self._model:
            self._blocks.clear()
            self._model, self._bins = manifest.model_version, Bins(manifest.reference)
        self._blocks.append(self._bins.count(rows))
        indices = self._bins.indices(np.sum(self._blocks, axis=0))
        yield from zip(self._bins.names, indices.tolist(), strict=True)
