"""`evaluate --model M --history H`: which model answers to which rows, and the lines about it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agents.errors import CommandError
from agents.histories import is_milestones, open_history
from controltower.risk.evaluation import Answers, evaluation_lines
from controltower.risk.history import History
from controltower.risk.linehaul.evaluation import line_haul_lines
from controltower.risk.linehaul.table import read_milestones
from controltower.risk.manifest import Manifest, ModelRefusedError, digest_of
from controltower.risk.recipe import spaced
from controltower.risk.scorer import Scorer, load_model_scorer
from controltower.risk.training import FOLDS, Crossed, cross_baselines, cross_fit

#: A bootstrap over fewer blocks than this would say little: then routes are drawn.
_LEAST_BLOCKS = 8


def evaluate_model(folder: Path, where: Path) -> Iterator[str]:
    """All lines. Raises CommandError, HistoryError, GtfsError or RecordingError."""
    if is_milestones(where):
        yield "line haul: the recipe of the product, fitted on the first 70 %; no stored model is used"
        yield from line_haul_lines(read_milestones(where))
        return
    history = spaced(open_history(where))
    if not folder.is_dir():
        raise CommandError(f"{folder}: is no folder of a model", "one that `train` wrote, or: shipped")
    try:
        scorer: Scorer = load_model_scorer(folder, though_beaten=True)
    except ModelRefusedError as refused:
        raise CommandError(str(refused), "train it again with this version: controltower train") from None
    yield f"model {scorer.version}"
    yield _about(history)
    yield from _judge(history, scorer)


def _judge(history: History, scorer: Scorer) -> Iterator[str]:
    manifest, group = scorer.manifest, _groups(history)
    seen = _seen_share(history, manifest)
    adapts = manifest is not None and (seen > 0 or manifest.training.source != history.source)
    crossed = cross_fit(history) if adapts else None
    etas, p_late = (crossed.baseline_etas, crossed.baseline_p_late) if crossed else cross_baselines(history)
    if seen > 0:
        yield f"it has learned from {100 * seen:.0f} % of these blocks, so it is not judged by them as it is"
    else:
        yield ""
        yield "== the model as it is: it has seen none of this history"
        yield from evaluation_lines(Answers(history, scorer.predict(history.features), etas, p_late, group))
    if crossed is not None:
        yield from _judge_adapted(history, crossed, group)


def _judge_adapted(history: History, crossed: Crossed, group: NDArray[np.int64]) -> Iterator[str]:
    """What `train` makes of this history, each block answered by a fit on the others."""
    yield ""
    yield f"== the same recipe learned from this history: {FOLDS} folds, no block answered by what it taught"
    said, etas, p_late = crossed.said, crossed.baseline_etas, crossed.baseline_p_late
    yield from evaluation_lines(Answers(history, said, etas, p_late, group))


def _groups(history: History) -> NDArray[np.int64]:
    """Vehicle blocks where there are enough of them, else routes."""
    _, blocks = np.unique(history.blocks(), return_inverse=True)
    return blocks if blocks.max(initial=0) + 1 >= _LEAST_BLOCKS else history.route


def _about(history: History) -> str:
    routes, blocks = len(np.unique(history.route)), len(np.unique(history.blocks()))
    drawn = "blocks" if blocks >= _LEAST_BLOCKS else "routes"
    return (
        f"history of {history.source}: {len(history):,} questions, {routes:,} routes, {blocks:,} blocks; "
        f"the bootstrap draws {drawn}; baselines are fitted on the other blocks"
    )


def _seen_share(history: History, manifest: Manifest | None) -> float:
    """Share of the blocks that the model has learned from."""
    if manifest is None:
        return 0.0
    blocks = np.unique(history.blocks())
    known = set(manifest.training.blocks)
    return float(np.mean([digest_of(str(block).encode())[:8] in known for block in blocks]))
