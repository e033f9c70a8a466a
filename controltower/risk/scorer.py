"""Answers for tables of feature rows: by the model where one can be trusted, else by the rule."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from controltower.risk import fallback
from controltower.risk.canary import try_model
from controltower.risk.delay_model import DelayModel, load_model
from controltower.risk.manifest import Manifest, ModelRefusedError, read_model
from controltower.risk.predictions import Floats, Predictions
from schemas.vocabulary import ScoreSource

#: The model that ships with the product.
SHIPPED_MODEL = Path(__file__).parent / "model"


class Scorer(Protocol):
    """Answers to rows of `features.FEATURES`; says what answered."""

    source: ScoreSource
    version: str
    #: why the rule answers, or None where the model does
    refused_because: str | None
    #: what is known of the model, with the distributions of its features; None where the rule answers
    manifest: Manifest | None

    def predict(self, table: Floats, sizes: Sequence[int] | None = None) -> Predictions:
        """table: shape (n, F), NaN where missing. Each row's answer is independent of the other rows.

        sizes: how many rows in turn are of one moment, and so have one situation; none: each for itself.
        """
        ...

    def contributions(self, table: Floats) -> Floats:
        """Shape (n, F): what each feature adds to the risk of each row. About 2 ms a row: ask for few."""
        ...


class RuleScorer:
    """The documented rule."""

    manifest: Manifest | None = None

    def __init__(self, source: ScoreSource, refused_because: str) -> None:
        self.source = source
        self.version = fallback.VERSION
        self.refused_because: str | None = refused_because

    def predict(self, table: Floats, sizes: Sequence[int] | None = None) -> Predictions:
        """See Scorer."""
        return fallback.predict(table)

    def contributions(self, table: Floats) -> Floats:
        """See Scorer."""
        return fallback.contributions(table)


class ModelScorer:
    """A model that passed its trial."""

    source = ScoreSource.MODEL
    refused_because: str | None = None

    def __init__(self, model: DelayModel, manifest: Manifest) -> None:
        self._model = model
        self.manifest: Manifest | None = manifest
        self.version = manifest.model_version

    def predict(self, table: Floats, sizes: Sequence[int] | None = None) -> Predictions:
        """See Scorer."""
        return self._model.predict(table, sizes)

    def contributions(self, table: Floats) -> Floats:
        """See Scorer."""
        return self._model.contributions(table)


def load_scorer(folder: Path | None = None) -> Scorer:
    """The model of this folder (default: the shipped one), or the rule with the reason why not."""
    folder = folder or SHIPPED_MODEL
    try:
        return load_model_scorer(folder)
    except ModelRefusedError as refused:
        source = ScoreSource.RULE_MODEL_REFUSED if folder.is_dir() else ScoreSource.RULE_NO_MODEL
        return RuleScorer(source, str(refused))
    except (ImportError, OSError) as wrong:
        hint = "install the system package libgomp1" if "libgomp" in str(wrong) else str(wrong)
        return RuleScorer(ScoreSource.RULE_NO_LIBRARY, f"LightGBM cannot be loaded: {hint}")


def load_model_scorer(folder: Path, *, though_beaten: bool = False) -> ModelScorer:
    """Digests, then a trial in a child process, then the model itself, all from the same bytes.

    Raises ModelRefusedError: whoever swaps models keeps the old one. A model that a baseline beat is refused,
    too, but for those that want to see how good it is. Raises ImportError or OSError where LightGBM itself
    cannot be loaded.
    """
    manifest, texts = read_model(folder)
    if manifest.beaten_by and not though_beaten:
        raise ModelRefusedError(f"{folder.name}: {manifest.beaten_by} was better on the held-out period")
    import lightgbm  # noqa: F401  where the library is at fault, the model is not blamed

    try_model(manifest, texts)
    return ModelScorer(load_model(manifest, texts), manifest)
