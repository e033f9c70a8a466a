"""The probability of missing the promised day: LightGBM on sums and slack, averaged with a logistic curve.

Few rows and many columns: shallow trees, strong regularisation, and rounds found on the last fifth of what
it learns from, before it learns from all of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from controltower.risk.linehaul.features import Stage, derived_table, feature_table, names
from controltower.risk.linehaul.table import Floats, Milestones
from controltower.risk.measures import log_loss

PARAMETERS: dict[str, float | int | str | bool | list[int]] = {
    "objective": "binary",
    "learning_rate": 0.03,
    "num_leaves": 6,
    "min_data_in_leaf": 25,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "lambda_l2": 10.0,
    "max_bin": 63,
    "monotone_constraints": [-1 if name in ("slack", "slack_share") else 0 for name in names()],
    "seed": 20260216,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbosity": -1,
}
_MOST_ROUNDS, _PATIENCE_ROUNDS = 600, 40
_STOP_SHARE = 0.8
_WEIGHTS = np.linspace(0.0, 1.0, 11)
#: Never certain.
_EDGE = 1e-3


@dataclass(frozen=True, slots=True)
class LineHaulModel:
    """For one stage. `weight`: of the trees against the logistic curve."""

    stage: Stage
    trees: Any
    curve: Any
    weight: float

    def predict(self, milestones: Milestones) -> Floats:
        """P(promised day missed) per shipment, shape (n,)."""
        trees = np.asarray(self.trees.predict(feature_table(milestones, self.stage), num_threads=1))
        curve = self.curve.predict_proba(_plain(milestones, self.stage))[:, 1]
        blend = self.weight * trees + (1 - self.weight) * curve
        return np.asarray(np.clip(blend, _EDGE, 1 - _EDGE), dtype=np.float64)


def fit_line_haul(learn: Milestones, stage: Stage) -> LineHaulModel:
    """Learn from shipments in the order in which they were finished."""
    import lightgbm

    late, cut = learn.late(), int(len(learn) * _STOP_SHARE)
    first, last = learn.of_rows(slice(cut)), learn.of_rows(slice(cut, None))
    data = lightgbm.Dataset(feature_table(first, stage), late[:cut], free_raw_data=False)
    valid = lightgbm.Dataset(feature_table(last, stage), late[cut:], reference=data)
    early = lightgbm.early_stopping(_PATIENCE_ROUNDS, verbose=False)
    trees = lightgbm.train(PARAMETERS, data, _MOST_ROUNDS, valid_sets=[valid], callbacks=[early])
    curve = _fit_curve(first, stage, late[:cut])
    both = [LineHaulModel(stage, trees, curve, float(weight)).predict(last) for weight in _WEIGHTS]
    weight = float(_WEIGHTS[int(np.argmin([log_loss(p, late[cut:]) for p in both]))])
    rounds = max(10, round((trees.best_iteration or 10) / _STOP_SHARE))
    again = lightgbm.train(PARAMETERS, lightgbm.Dataset(feature_table(learn, stage), late), rounds)
    return LineHaulModel(stage, again, _fit_curve(learn, stage, late), weight)


def _fit_curve(learn: Milestones, stage: Stage, late: Floats) -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    curve = make_pipeline(StandardScaler(), LogisticRegression(C=0.05, max_iter=500))
    return curve.fit(_plain(learn, stage), late)


def _plain(milestones: Milestones, stage: Stage) -> Floats:
    """Days, signs kept and large values drawn in, missing as 0."""
    days = np.nan_to_num(derived_table(milestones, stage)) / 1440.0
    return np.asarray(np.sign(days) * np.log1p(np.abs(days) * 10), dtype=np.float64)
