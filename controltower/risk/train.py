"""Train the delay model and write its folder: model.txt and manifest.json."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from controltower.risk import fallback
from controltower.risk.features import FEATURE_SET, FEATURES
from controltower.risk.history import History
from controltower.risk.manifest import MANIFEST_FILE, MODEL_FILE, Manifest, Training, digest_of
from controltower.risk.measures import Floats, measure

#: More of this never lowers (+1) or never raises (-1) the risk; 0 leaves it to the data.
_MONOTONE = {"slack_s": -1, "slip_s": 1}
PARAMETERS: dict[str, float | int | str | bool | list[int]] = {
    "objective": "binary",
    "learning_rate": 0.05,
    "num_leaves": 31,
    "min_data_in_leaf": 200,
    "feature_fraction": 0.9,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "monotone_constraints": [_MONOTONE.get(name, 0) for name, _ in FEATURES],
    "monotone_constraints_method": "advanced",
    "seed": 20260216,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbosity": -1,
}
_MOST_ROUNDS = 600
_PATIENCE_ROUNDS = 30


def split_days(days: int) -> tuple[range, range, range]:
    """Days to learn from, to stop early on, and to judge by: later ones are never seen before."""
    stop = max(1, days * 6 // 10)
    judge = max(stop + 1, days * 8 // 10)
    return range(stop), range(stop, judge), range(judge, days)


def train_model(history: History, days: int) -> tuple[Any, dict[str, dict[str, float]]]:
    """The booster and its measures on the held-out days beside those of the rule.

    Raises ValueError on fewer than three days, since each part needs one.
    """
    import lightgbm

    if days < 3:
        raise ValueError("days: at least 3 are needed: to learn from, to stop on, to judge by")
    learn, stop, judge = (history.of_days(part) for part in split_days(days))
    names = [name for name, _ in FEATURES]
    learn_set = lightgbm.Dataset(*learn, feature_name=names, free_raw_data=False)
    booster = lightgbm.train(
        PARAMETERS,
        learn_set,
        num_boost_round=_MOST_ROUNDS,
        valid_sets=[lightgbm.Dataset(*stop, reference=learn_set)],
        callbacks=[lightgbm.early_stopping(_PATIENCE_ROUNDS, verbose=False)],
    )
    features, late = judge
    model = np.asarray(booster.predict(features, num_threads=1), dtype=np.float64)
    return booster, {"model": measure(model, late), "rule": measure(_rule(features), late)}


def _rule(features: Floats) -> Floats:
    rows = [[None if np.isnan(v) else float(v) for v in row] for row in features]
    return np.array([fallback.estimate_p_late(row) for row in rows])


def write_model(
    folder: Path,
    booster: Any,
    history: History,
    first_seed: int,
    days: int,
    held_out: dict[str, dict[str, float]],
) -> Manifest:
    """Write the two files; the version is the first 12 characters of the hash of the model."""
    import lightgbm

    text = booster.model_to_string(num_iteration=booster.best_iteration)
    digest = digest_of(text.encode())
    manifest = Manifest(
        model_version=f"lgbm-{digest[:12]}",
        sha256=digest,
        feature_set=FEATURE_SET,
        features=tuple(name for name, _ in FEATURES),
        training=Training(
            source="controltower.simulate",
            first_seed=first_seed,
            days=days,
            routes=history.routes,
            rows=len(history.late),
            late_share=round(float(history.late.mean()), 4),
            rounds=int(booster.best_iteration),
            lightgbm=lightgbm.__version__,
            parameters=PARAMETERS,
        ),
        held_out=held_out,
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MODEL_FILE).write_text(text)
    (folder / MANIFEST_FILE).write_text(manifest.model_dump_json(indent=2) + "\n")
    return manifest
