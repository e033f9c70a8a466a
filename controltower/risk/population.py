"""Is what serving sees still what the model learned from? The population stability index per feature.

    PSI = sum over bins of (seen - learned) x ln(seen / learned)

over the bins of the manifest's reference and one for missing values; 0.1 is a shift worth a look, 0.25 one
that matters (the usual borders of credit scoring). Seen are the last 4,096 rows of this process. It feeds a
metric and nothing else: no answer depends on it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from controltower.risk.features import FEATURES
from controltower.risk.manifest import Manifest, Reference
from controltower.risk.predictions import Floats

#: Rows are counted in blocks, so that a batch of few rows costs next to nothing.
BLOCK_ROWS: Final = 2048
BLOCKS: Final = 2
#: A bin that is empty on one side would make the index infinite.
_LEAST_SHARE: Final = 1e-3
Counts = NDArray[np.int64]


def stability_index(column: Floats, reference: Reference) -> float:
    """PSI of one feature's values, shape (n,), NaN where missing."""
    return _index(_count(column, reference), reference)


def _count(column: Floats, reference: Reference) -> Counts:
    """Rows in each bin, and last those without a value."""
    known = column[~np.isnan(column)]
    places = np.searchsorted(np.asarray(reference.edges), known, side="right")
    counts = np.bincount(places, minlength=len(reference.edges) + 1)
    return np.append(counts, len(column) - len(known))


def _index(counts: Counts, reference: Reference) -> float:
    seen = counts / max(1, int(counts.sum()))
    learned = np.append(np.asarray(reference.shares), reference.missing)
    seen, learned = np.maximum(seen, _LEAST_SHARE), np.maximum(learned, _LEAST_SHARE)
    return float(np.sum((seen - learned) * np.log(seen / learned)))


class Population:
    """The last rows that one process has scored, as counts by block: each row is looked at once.

    Bins are those of a model, so another model begins anew.
    """

    def __init__(self) -> None:
        self._blocks: deque[dict[str, Counts]] = deque(maxlen=BLOCKS)
        self._open: list[Floats] = []
        self._open_rows = 0
        self._model: str | None = None

    def watch(self, table: Floats, manifest: Manifest | None) -> Iterator[tuple[str, float]]:
        """Take rows; with every full block the index of each feature that the manifest has a reference of."""
        self._open.append(table)
        self._open_rows += len(table)
        if self._open_rows < BLOCK_ROWS:
            return
        rows = np.concatenate(self._open)
        self._open, self._open_rows = [], 0
        if manifest is None:
            return
        if manifest.model_version != self._model:
            self._blocks.clear()
            self._model = manifest.model_version
        places = {name: place for place, (name, _) in enumerate(FEATURES)}
        self._blocks.append(
            {
                name: _count(rows[:, places[name]], reference)
                for name, reference in manifest.reference.items()
                if name in places
            }
        )
        for name in self._blocks[-1]:
            counts = np.sum([block[name] for block in self._blocks], axis=0)
            yield name, _index(counts, manifest.reference[name])
