"""Write a trained model's folder: the boosters, and a manifest that nothing is loaded without."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from controltower.risk.delay_model import DelayModel
from controltower.risk.features import FEATURE_SET, FEATURES
from controltower.risk.history import Floats, History
from controltower.risk.judging import Judgement
from controltower.risk.manifest import (
    MANIFEST_FILE,
    MODEL_FILES,
    Canary,
    Manifest,
    Reference,
    Training,
    digest_of,
)
from controltower.risk.predictions import Predictions
from controltower.risk.recipe import OBJECTIVES, PARAMETERS
from controltower.risk.training import Trained

_REFERENCE_BINS = 10
_CANARIES = 16


def write_model(folder: Path, trained: Trained, history: History, judgement: Judgement) -> Manifest:
    """Write all files; the manifest last, so that a folder half written is refused. The version is the first
    12 characters of the hash of boosters and calibration. Raises OSError."""
    import lightgbm

    texts = {name: text_of(trained, name) for name in MODEL_FILES}
    files = {MODEL_FILES[name]: digest_of(text.encode()) for name, text in texts.items()}
    model = trained.model
    said = [*sorted(files.values()), model.calibration.model_dump_json(), model.spread.model_dump_json()]
    manifest = Manifest(
        model_version=f"lgbm-{digest_of(''.join(said).encode())[:12]}",
        files=files,
        feature_set=FEATURE_SET,
        features=tuple(name for name, _ in FEATURES),
        training=_training(history, trained, lightgbm.__version__),
        calibration=trained.model.calibration,
        spread=trained.model.spread,
        reference=references_of(history),
        canaries=_canaries(trained.model, history),
        held_out=judgement.held_out,
        beaten_by=judgement.beaten_by,
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MANIFEST_FILE).unlink(missing_ok=True)
    for name, text in texts.items():
        (folder / MODEL_FILES[name]).write_text(text)
    (folder / MANIFEST_FILE).write_text(manifest.model_dump_json(indent=1) + "\n")
    return manifest


def text_of(trained: Trained, name: str) -> str:
    """One booster with the trees that count, as LightGBM writes it."""
    text: str = trained.fitted.boosters[name].model_to_string(num_iteration=trained.fitted.rounds[name])
    return text


def _training(history: History, trained: Trained, lightgbm: str) -> Training:
    late = history.late[np.isfinite(history.late)]
    return Training(
        source=history.source,
        split=trained.split,
        first_at=_instant(history.as_of_ms.min()),
        last_at=_instant(history.as_of_ms.max()),
        routes=len(np.unique(history.route)),
        rows=len(history),
        late_share=round(float(late.mean()), 4),
        rounds=trained.fitted.rounds,
        lightgbm=lightgbm,
        parameters={**PARAMETERS, "monotone_constraints": OBJECTIVES["late"]["monotone_constraints"]},
        blocks=tuple(sorted(digest_of(str(block).encode())[:8] for block in np.unique(history.blocks()))),
    )


def _instant(at_ms: int) -> str:
    return datetime.fromtimestamp(int(at_ms) / 1000, UTC).isoformat(timespec="seconds")


def references_of(history: History) -> dict[str, Reference]:
    """How each feature is distributed: in tenths, or per value where it has few."""
    return {name: reference_of(history.features[:, index]) for index, (name, _) in enumerate(FEATURES)}


def reference_of(values: Floats) -> Reference:
    """The distribution of one feature, shape (n,)."""
    known = values[~np.isnan(values)]
    if not len(known):
        return Reference(edges=(), shares=(0.0,), missing=1.0)
    edges = np.unique(np.quantile(known, np.linspace(0, 1, _REFERENCE_BINS + 1)[1:-1]).round(3))
    counts = np.bincount(np.searchsorted(edges, known, side="right"), minlength=len(edges) + 1)
    return Reference(
        edges=tuple(float(edge) for edge in edges),
        shares=tuple(round(float(count) / len(values), 5) for count in counts),
        missing=round(1 - len(known) / len(values), 5),
    )


def _canaries(model: DelayModel, history: History) -> tuple[Canary, ...]:
    """Rows from all over the history, rounded as they are written, with what the model says to them."""
    chosen = np.linspace(0, len(history) - 1, _CANARIES).round().astype(np.int64)
    table = history.features[chosen].round(3)
    said = model.predict(table)
    return tuple(_canary(row, said, index) for index, row in enumerate(table))


def _canary(row: Floats, said: Predictions, index: int) -> Canary:
    return Canary(
        row=tuple(None if math.isnan(value) else float(value) for value in row),
        **{name: float(values[index]) for name, values in said._asdict().items()},
    )
