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

from controltower.risk.features import FEATURES
from controltower.risk.manifest import Manifest, Reference
from controltower.risk.predictions import Floats

#: Rows are counted in blocks, so that a batch of few rows costs next to nothing.
BLOCK_ROWS: Final = 512
_BLOCKS: Final = 8
#: A bin that is empty on one side would make the index infinite.
_LEAST_SHARE: Final = 1e-3


def stability_index(column: Floats, reference: Reference) -> float:
    """PSI of one feature's values, shape (n,), NaN where missing."""
    known = column[~np.isnan(column)]
    places = np.searchsorted(np.asarray(reference.edges), known, side="right")
    counts = np.bincount(places, minlength=len(reference.edges) + 1)
    seen = np.append(counts, len(column) - len(known)) / max(1, len(column))
    learned = np.append(np.asarray(reference.shares), reference.missing)
    seen, learned = np.maximum(seen, _LEAST_SHARE), np.maximum(learned, _LEAST_SHARE)
    return float(np.sum((seen - learned) * np.log(seen / learned)))


class Population:
    """The last rows that one process has scored."""

    def __init__(self) -> None:
        self._blocks: deque[Floats] = deque(maxlen=_BLOCKS)
        self._open: list[Floats] = []
        self._open_rows = 0

    def watch(self, table: Floats, manifest: Manifest | None) -> Iterator[tuple[str, float]]:
        """Take rows; with every full block the index of each feature that the manifest has a reference of."""
        self._open.append(table)
        self._open_rows += len(table)
        if self._open_rows < BLOCK_ROWS:
            return
        self._blocks.append(np.concatenate(self._open))
        self._open, self._open_rows = [], 0
        if manifest is None:
            return
        rows = np.concatenate(list(self._blocks))
        for place, (name, _) in enumerate(FEATURES):
            reference = manifest.reference.get(name)
            if reference is not None:
                yield name, stability_index(rows[:, place], reference)
