"""Answers for batches of feature rows: by the model where one can be trusted, else by the rule."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from controltower.risk import fallback
from controltower.risk.manifest import ModelRefusedError, read_model
from schemas.vocabulary import ScoreSource

#: The model that ships with the product.
SHIPPED_MODEL = Path(__file__).parent / "model"
Row = Sequence[float | None]


class Scorer(Protocol):
    """p(late) of rows of `features.FEATURES`; says what answered."""

    source: ScoreSource
    model_version: str
    #: why the rule answers, or None where the model does
    refused_because: str | None

    def score(self, rows: Sequence[Row]) -> list[float]:
        """One probability per row, each independent of the other rows."""
        ...


class RuleScorer:
    """The documented rule."""

    def __init__(self, source: ScoreSource, refused_because: str) -> None:
        self.source = source
        self.model_version = fallback.VERSION
        self.refused_because: str | None = refused_because

    def score(self, rows: Sequence[Row]) -> list[float]:
        """One probability per row."""
        return [round(fallback.estimate_p_late(row), 6) for row in rows]


class ModelScorer:
    """A LightGBM booster, one thread: batches are small and the other core has work of its own."""

    source = ScoreSource.MODEL

    def __init__(self, booster: Any, model_version: str) -> None:
        self._booster = booster
        self.model_version = model_version
        self.refused_because: str | None = None

    def score(self, rows: Sequence[Row]) -> list[float]:
        """One probability per row; a missing feature is missing, not zero."""
        table = np.array([[np.nan if v is None else v for v in row] for row in rows], dtype=np.float64)
        return [round(float(p), 6) for p in self._booster.predict(table, num_threads=1)]


def load_scorer(folder: Path | None = None) -> Scorer:
    """The model of this folder (default: the shipped one), or the rule with the reason why not."""
    try:
        manifest, text = read_model(folder or SHIPPED_MODEL)
    except ModelRefusedError as refused:
        present = (folder or SHIPPED_MODEL).is_dir()
        source = ScoreSource.RULE_MODEL_REFUSED if present else ScoreSource.RULE_NO_MODEL
        return RuleScorer(source, str(refused))
    try:
        import lightgbm
    except (ImportError, OSError) as wrong:
        hint = "install the system package libgomp1" if "libgomp" in str(wrong) else str(wrong)
        return RuleScorer(ScoreSource.RULE_NO_LIBRARY, f"LightGBM cannot be loaded: {hint}")
    return ModelScorer(lightgbm.Booster(model_str=text), manifest.model_version)
