"""The boosters of a delay model in one table, so that a batch of rows goes through all trees at once.

LightGBM walks each tree for each row, and a processor guesses wrong at every split. Here each feature's value
is looked up among all thresholds of that feature, and that place says for every tree at once which leaves are
out of reach (QuickScorer: Lucchese et al., SIGIR 2015, doi 10.1145/2766462.2767733). What is left of a tree's
leaves begins with the one that the row falls into. Leaves are added in the order of the trees, as LightGBM
does, so the answers are the same to the last bit; `load_model` holds them against LightGBM's own.

Most features are of the moment, not of the stop: they are looked up once for all rows of a question.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from controltower.risk.predictions import Floats

#: Rows whose masks fit into a processor's cache (220 trees of up to 16 leaves, 13 features: 720 KB).
_CHUNK_ROWS: Final = 128
_MOST_LEAVES: Final = 64
#: Objectives whose answer is the sum of leaves, or the logistic of it.
_SUMS: Final = frozenset({"quantile", "regression"})
_LOGISTIC: Final = "binary sigmoid:1"
#: A float32 has its exponent above so many bits, and adds so much to it.
_MANTISSA_BITS: Final = 23
_BIAS: Final = 127
Masks = NDArray[np.unsignedinteger[Any]]
Places = NDArray[np.intp]


class _Split(NamedTuple):
    """The leaves from `first` until `end` are out of reach where the value is above the threshold."""

    tree: int
    threshold: float
    first: int
    end: int
    out_if_missing: bool


@dataclass(slots=True)
class _Reading:
    """What is gathered of the trees while they are read."""

    splits: dict[int, list[_Split]] = field(default_factory=dict)
    leaves: list[list[float]] = field(default_factory=list)

    def read_tree(self, root: Any) -> bool:
        """Whether the tree is of a kind that is answered here."""
        tree, values = len(self.leaves), list[float]()
        self.leaves.append(values)
        return self._read_node(tree, root, values) and len(values) <= _MOST_LEAVES

    def _read_node(self, tree: int, node: Any, values: list[float]) -> bool:
        if "split_index" not in node:
            values.append(float(node["leaf_value"]))
            return "leaf_coeff" not in node
        if node["decision_type"] != "<=" or node["missing_type"] not in ("None", "NaN"):
            return False
        first = len(values)
        is_read = self._read_node(tree, node["left_child"], values)
        end, threshold = len(values), float(node["threshold"])
        # without a missing type, LightGBM takes a missing value for 0
        goes_left = node["default_left"] if node["missing_type"] == "NaN" else threshold >= 0.0
        self.splits.setdefault(int(node["split_feature"]), []).append(
            _Split(tree, threshold, first, end, not goes_left)
        )
        return is_read and self._read_node(tree, node["right_child"], values)


class _Columns:
    """Some features: their thresholds, and the leaves left in each tree by a value's place among them."""

    def __init__(self, splits: Mapping[int, Sequence[_Split]], trees: int, kind: type[Any]) -> None:
        self._thresholds = [(feature, _thresholds_of(some)) for feature, some in splits.items()]
        masks = [
            _masks_of(thresholds, splits[feature], trees, kind) for feature, thresholds in self._thresholds
        ]
        self._masks: Masks = np.concatenate([np.empty((0, trees), dtype=kind), *masks])
        firsts = list(accumulate(map(len, masks), initial=0))[:-1]
        self._firsts = np.array(firsts, dtype=np.intp).reshape(-1, 1)

    def find_places(self, by_feature: Floats) -> Places:
        """Shape (columns, n): which masks belong to the values; by_feature: shape (F, n)."""
        places = np.empty((len(self._thresholds), by_feature.shape[1]), dtype=np.intp)
        for column, (feature, thresholds) in enumerate(self._thresholds):
            places[column] = thresholds.searchsorted(by_feature[feature])
        places += self._firsts
        return places

    def reach(self, places: Places) -> Masks:
        """Shape (n, trees): the leaves that all of a row's values leave."""
        left: Masks = np.bitwise_and.reduce(self._masks.take(places, axis=0), axis=0)
        return left


def _thresholds_of(splits: Sequence[_Split]) -> Floats:
    """Ascending, and infinity, so that only a missing value has its place behind all of them."""
    return np.unique(np.array([*(split.threshold for split in splits), math.inf]))


def _masks_of(thresholds: Floats, splits: Sequence[_Split], trees: int, kind: type[Any]) -> Masks:
    """Shape (thresholds + 1, trees): the leaves left by a value up to each threshold, and by a missing one. A
    tree's first leaf is the highest bit."""
    masks = np.full((len(thresholds) + 1, trees), np.iinfo(kind).max, dtype=kind)
    bits = 8 * masks.itemsize
    for split in splits:
        left = ~masks.dtype.type((1 << bits - split.first) - (1 << bits - split.end))
        above = int(np.searchsorted(thresholds, split.threshold)) + 1
        masks[above:-1, split.tree] &= left
        if split.out_if_missing:
            masks[-1, split.tree] &= left
    return masks


class Forest:
    """Answers of several boosters to a table of rows."""

    def __init__(
        self, reading: _Reading, ends: Sequence[int], logistic: Sequence[bool], shared_from: int
    ) -> None:
        """`ends`: behind which tree each booster ends; `logistic`: whether it says a probability;
        `shared_from`: from this feature on rows of one moment are alike."""
        most, trees = max(map(len, reading.leaves)), len(reading.leaves)
        kind = next(bits for bits in (np.uint16, np.uint32, np.uint64) if most <= 8 * bits(0).nbytes)
        width = 8 * kind(0).nbytes
        values = np.zeros((trees, width))
        for tree, leaves in enumerate(reading.leaves):
            values[tree, width - len(leaves) :] = leaves[::-1]  # as their bits lie
        self._values = values.ravel()
        self._firsts = np.arange(trees, dtype=np.int32) * width - _BIAS
        self._bounds = list(zip((0, *ends[:-1]), ends, logistic, strict=True))
        splits = sorted(reading.splits.items())
        self._own = _Columns({f: some for f, some in splits if f < shared_from}, trees, kind)
        self._shared = _Columns({f: some for f, some in splits if f >= shared_from}, trees, kind)

    def predict(self, table: Floats, sizes: Sequence[int] | None = None) -> list[Floats]:
        """One answer per booster, shape (n,) each, as its own `predict` gives it; table: shape (n, F).

        sizes: how many rows in turn are of one moment; none: each for itself.
        """
        alike = np.ones(len(table), dtype=np.intp) if sizes is None else np.asarray(sizes, dtype=np.intp)
        moment = np.arange(len(alike)).repeat(alike)  # of which each row is
        by_feature = np.ascontiguousarray(table.T)
        own = self._own.find_places(by_feature)
        shared = self._shared.find_places(by_feature[:, alike.cumsum() - alike])
        scores = np.empty((len(self._bounds), len(table)))
        for begin in range(0, len(table), _CHUNK_ROWS):
            rows = slice(begin, begin + _CHUNK_ROWS)
            first, last = int(moment[rows][0]), int(moment[rows][-1])
            alike_left = self._shared.reach(shared[:, first : last + 1])
            left = self._own.reach(own[:, rows]) & alike_left.take(moment[rows] - first, axis=0)
            self._add(left, scores[:, rows])
        return [
            _to_probability(told) if logistic else told
            for told, (*_, logistic) in zip(scores, self._bounds, strict=True)
        ]

    def _add(self, left: Masks, scores: Floats) -> None:
        """From the first tree to the last: the order decides the last bits of a sum.

        numpy adds line after line, but would add a single column in pairs.
        """
        leaves = self._values.take((_exponents(left) + self._firsts).T)
        for told, (begin, end, _) in zip(scores, self._bounds, strict=True):
            if leaves.shape[1] > 1:
                np.add.reduce(leaves[begin:end], axis=0, out=told)
            else:
                told[:] = leaves[begin:end].cumsum(axis=0)[-1]


def _exponents(masks: Masks) -> NDArray[np.int32]:
    """Where the highest bit of each is, plus the bias: the exponent of its float."""
    if masks.itemsize > _MANTISSA_BITS // 8:
        masks = masks & ~np.right_shift(masks, 1)  # a 0 below the highest bit: not rounded up to the next one
    return masks.astype(np.float32).view(np.int32) >> _MANTISSA_BITS


def _to_probability(scores: Floats) -> Floats:
    """The logistic of each; numpy's exponential may differ in the last bit."""
    return 1.0 / (1.0 + np.fromiter(map(math.exp, (-scores).tolist()), np.float64, len(scores)))


def compile_forest(boosters: Sequence[Any], shared_from: int) -> Forest | None:
    """The boosters' trees in one table, or None where one has something else than numeric splits.

    shared_from: from this feature on rows of one moment are alike.
    """
    reading, ends, logistic = _Reading(), list[int](), list[bool]()
    for booster in boosters:
        dump = booster.dump_model()
        objective = dump.get("objective")
        is_plain = dump["num_class"] == 1 and not dump.get("average_output")
        if not is_plain or objective not in (_LOGISTIC, *_SUMS):
            return None
        if not all(reading.read_tree(tree["tree_structure"]) for tree in dump["tree_info"]):
            return None
        ends.append(len(reading.leaves))
        logistic.append(objective == _LOGISTIC)
    return Forest(reading, ends, logistic, shared_from)
