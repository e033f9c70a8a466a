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
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from controltower.risk.predictions import Floats

#: Rows whose masks fit into a processor's cache (200 trees: 100 KB).
_CHUNK_ROWS: Final = 256
_MOST_LEAVES: Final = 64
#: Objectives whose answer is the sum of leaves, or the logistic of it.
_SUMS: Final = frozenset({"quantile", "regression"})
_LOGISTIC: Final = "binary sigmoid:1"
Masks = NDArray[np.unsignedinteger[Any]]


class _Split(NamedTuple):
    """`out` are the leaves that are out of reach where the value is above the threshold."""

    tree: int
    threshold: float
    out: int
    out_if_missing: bool


class _Column(NamedTuple):
    """A feature: its thresholds, and the leaves left in each tree by the value's place among them.

    masks: shape (thresholds + 2, trees), the last row for a missing value.
    """

    feature: int
    thresholds: Floats
    masks: Masks


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
        out = (1 << len(values)) - (1 << first)
        threshold = float(node["threshold"])
        # without a missing type, LightGBM takes a missing value for 0
        goes_left = node["default_left"] if node["missing_type"] == "NaN" else threshold >= 0.0
        self.splits.setdefault(int(node["split_feature"]), []).append(
            _Split(tree, threshold, out, not goes_left)
        )
        return is_read and self._read_node(tree, node["right_child"], values)


class Forest:
    """Answers of several boosters to a table of rows."""

    def __init__(
        self, reading: _Reading, ends: Sequence[int], logistic: Sequence[bool], shared_from: int
    ) -> None:
        """`ends`: behind which tree each booster ends; `logistic`: whether it says a probability;
        `shared_from`: from this feature on rows of one moment are alike."""
        self._width = max(map(len, reading.leaves))
        self._bounds = list(zip((0, *ends[:-1]), ends, logistic, strict=True))
        trees = len(reading.leaves)
        values = np.zeros((trees, self._width))
        for tree, leaves in enumerate(reading.leaves):
            values[tree, : len(leaves)] = leaves
        self._values = values.ravel()
        self._places = np.arange(trees, dtype=np.int32) * self._width
        kind = next(bits for bits in (np.uint16, np.uint32, np.uint64) if self._width <= 8 * bits(0).nbytes)
        self._all = np.full((1, trees), np.iinfo(kind).max, dtype=kind)
        columns = [self._column(feature, splits) for feature, splits in sorted(reading.splits.items())]
        self._own = [column for column in columns if column.feature < shared_from]
        self._shared = [column for column in columns if column.feature >= shared_from]

    def _column(self, feature: int, splits: Sequence[_Split]) -> _Column:
        thresholds = np.unique(np.array([split.threshold for split in splits]))
        masks = np.repeat(self._all, len(thresholds) + 2, axis=0)
        for split in splits:
            left = masks.dtype.type(int(self._all[0, 0]) & ~split.out)
            above = int(np.searchsorted(thresholds, split.threshold)) + 1
            masks[above:-1, split.tree] &= left
            if split.out_if_missing:
                masks[-1, split.tree] &= left
        return _Column(feature, thresholds, masks)

    def predict(self, table: Floats, sizes: Sequence[int] | None = None) -> list[Floats]:
        """One answer per booster, shape (n,) each, as its own `predict` gives it; table: shape (n, F).

        sizes: how many rows in turn are of one moment; none: each for itself.
        """
        if not len(table):
            return [np.empty(0) for _ in self._bounds]
        ends = np.arange(1, len(table) + 1) if sizes is None else np.cumsum(sizes)
        begin, at, chunks = 0, 0, list[list[Floats]]()
        while at < len(table):
            end = max(begin + 1, int(ends.searchsorted(at + _CHUNK_ROWS, side="right")))
            until = int(ends[end - 1])
            chunks.append(self._predict_chunk(table[at:until], ends[begin:end] - at))
            begin, at = end, until
        return [np.concatenate(answers) for answers in zip(*chunks, strict=True)]

    def _predict_chunk(self, table: Floats, ends: NDArray[np.int64]) -> list[Floats]:
        """`ends`: behind which row each moment ends."""
        sizes = np.diff(ends, prepend=0)
        left = self._reach(self._shared, np.repeat(self._all, len(sizes), axis=0), table[ends - sizes])
        left = self._reach(self._own, left.repeat(sizes, axis=0), table)
        leaves = self._values.take((_lowest_bit(left) + self._places).T)
        return [_add(leaves[begin:end], logistic) for begin, end, logistic in self._bounds]

    @staticmethod
    def _reach(columns: Sequence[_Column], left: Masks, table: Floats) -> Masks:
        """Of the leaves `left` for each row, those that its values in these columns leave."""
        by_feature = np.ascontiguousarray(table.T)
        missing = np.isnan(by_feature)
        for feature, thresholds, masks in columns:
            places = thresholds.searchsorted(by_feature[feature])  # that of a missing value is the last
            left &= masks.take(places + missing[feature], axis=0)
        return left


def _lowest_bit(masks: Masks) -> NDArray[np.int32]:
    """Its number; a power of two has it as the exponent of its float."""
    single = (masks & (~masks + masks.dtype.type(1))).astype(np.float32)
    return (single.view(np.int32) >> 23) - 127


def _add(leaves: Floats, logistic: bool) -> Floats:
    """From the first tree to the last: the order decides the last bits of a sum. leaves: shape (trees, n).

    numpy adds line after line, but would add a single column in pairs.
    """
    scores: Floats = leaves.sum(axis=0) if leaves.shape[1] > 1 else leaves.cumsum(axis=0)[-1]
    if not logistic:
        return scores
    return np.array([1.0 / (1.0 + math.exp(-score)) for score in scores.tolist()])


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
