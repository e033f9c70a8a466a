"""The probability of missing the promised day: LightGBM on sums and slack, averaged with a logistic curve.

Few rows and many columns: shallow trees, strong regularisation, and rounds found on the last fifth of what
it learns from, before it learns from all of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from msgspec.structs import replace

from controltower.risk.linehaul.features import Stage, derived_table, feature_table, names
from controltower.risk.linehaul.moments import Examples, examples_of
from controltower.risk.linehaul.table import Floats, Milestones
from controltower.risk.measures import log_loss

PARAMETERS: dict[str, float | int | str | bool] = {
    "objective": "binary",
    "learning_rate": 0.03,
    "num_leaves": 6,
    "min_data_in_leaf": 25,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "lambda_l2": 10.0,
    "max_bin": 63,
    "seed": 20260216,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbosity": -1,
}
#: Less slack is never less risk.
_LESS_IS_WORSE = ("slack", "slack_share")
_MOST_ROUNDS, _PATIENCE_ROUNDS = 600, 40
_STOP_SHARE = 0.8
_WEIGHTS = np.linspace(0.0, 1.0, 11)
#: Never certain.
_EDGE = 1e-3


class Curve(msgspec.Struct, frozen=True):
    """A logistic curve over standardised columns, and the weight of the trees beside it."""

    weight: float
    mean: list[float]
    scale: list[float]
    coefficients: list[float]
    intercept: float

    def predict(self, plain: Floats) -> Floats:
        """Probabilities of rows of `_plain`, shape (n,)."""
        terms = (plain - self.mean) / self.scale * np.asarray(self.coefficients)
        z = terms.sum(axis=1) + self.intercept  # row by row, whatever the batch; a matrix product is not
        return np.asarray(1 / (1 + np.exp(-z)), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class LineHaulModel:
    """For one stage."""

    stage: Stage
    trees: Any
    curve: Curve

    def predict(self, milestones: Milestones) -> Floats:
        """P(promised day missed) per shipment, shape (n,)."""
        return self.answer(*inputs_of(milestones, self.stage))

    def answer(self, features: Floats, plain: Floats) -> Floats:
        """The same of what the trees and the curve see, one row each per shipment."""
        trees = np.asarray(self.trees.predict(features, num_threads=1))
        curve = self.curve.predict(plain)
        blend = self.curve.weight * trees + (1 - self.curve.weight) * curve
        return np.asarray(np.clip(blend, _EDGE, 1 - _EDGE), dtype=np.float64)


def inputs_of(milestones: Milestones, stage: Stage) -> tuple[Floats, Floats]:
    """What the trees see, NaN where missing, and what the curve sees."""
    return feature_table(milestones, stage), _plain(milestones, stage)


def fit_line_haul(learn: Milestones, stage: Stage) -> LineHaulModel:
    """Learn from shipments in the order in which they were finished; all moments of one on the same side."""
    import lightgbm

    cut = int(len(learn) * _STOP_SHARE)
    every, first, last = (
        examples_of(learn.of_rows(rows), stage) for rows in (slice(None), slice(cut), slice(cut, None))
    )
    parameters = parameters_of(stage, len(every.late) / max(len(learn), 1))
    data, valid = _dataset(first, stage), _dataset(last, stage)
    early = lightgbm.early_stopping(_PATIENCE_ROUNDS, verbose=False)
    trees = lightgbm.train(parameters, data, _MOST_ROUNDS, valid_sets=[valid], callbacks=[early])
    curve = _fit_curve(first, stage)
    tried = [replace(curve, weight=float(weight)) for weight in _WEIGHTS]
    losses = [log_loss(LineHaulModel(stage, trees, one).predict(last.known), last.late) for one in tried]
    weight = tried[int(np.argmin(losses))].weight
    rounds = max(10, round((trees.best_iteration or 10) / _STOP_SHARE))
    again = lightgbm.train(parameters, _dataset(every, stage), rounds)
    return LineHaulModel(stage, again, replace(_fit_curve(every, stage), weight=weight))


def parameters_of(stage: Stage, moments: float) -> dict[str, Any]:
    """For the trees of a stage; `moments`: rows of a shipment, so that a leaf holds as many shipments."""
    monotone = [-1 if name in _LESS_IS_WORSE else 0 for name in names(stage)]
    leaf = round(int(PARAMETERS["min_data_in_leaf"]) * moments)
    return {**PARAMETERS, "min_data_in_leaf": leaf, "monotone_constraints": monotone}


def _dataset(examples: Examples, stage: Stage) -> Any:
    import lightgbm

    weight = examples.weight if stage is Stage.UNDERWAY else None
    return lightgbm.Dataset(feature_table(examples.known, stage), examples.late, weight=weight)


def _fit_curve(examples: Examples, stage: Stage) -> Curve:
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    plain = _plain(examples.known, stage)
    scaler = StandardScaler().fit(plain)
    curve = LogisticRegression(C=0.05, max_iter=500)
    fitted = curve.fit(scaler.transform(plain), examples.late, sample_weight=examples.weight)
    return Curve(
        0.5,
        scaler.mean_.tolist(),
        scaler.scale_.tolist(),
        fitted.coef_[0].tolist(),
        float(fitted.intercept_[0]),
    )


def _plain(milestones: Milestones, stage: Stage) -> Floats:
    """Days, signs kept and large values drawn in, missing as 0."""
    days = np.nan_to_num(derived_table(milestones, stage)) / 1440.0
    return np.asarray(np.sign(days) * np.log1p(np.abs(days) * 10), dtype=np.float64)
