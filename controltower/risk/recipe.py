"""How boosters are fitted: parameters, constraints, and what each one learns from which rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from controltower.risk.calibration import Calibration, fit_isotonic, fit_platt
from controltower.risk.delay_model import DelayModel
from controltower.risk.features import FEATURES
from controltower.risk.history import Floats, History
from controltower.risk.manifest import Spread
from controltower.risk.measures import log_loss
from controltower.risk.predictions import HORIZON, Predictions, persisting_s, scale_s

Parameters = dict[str, float | int | str | bool | list[int]]
#: More of this never lowers (+1) or never raises (-1) the risk; 0 leaves it to the data.
_MONOTONE = {"slack_s": -1, "slip_s": 1}
PARAMETERS: Parameters = {
    "learning_rate": 0.2,
    "num_leaves": 15,
    "feature_fraction": 0.8,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "lambda_l2": 20.0,
    "max_bin": 127,
    "seed": 20260216,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbosity": -1,
}
OBJECTIVES: dict[str, Parameters] = {
    "late": {
        "objective": "binary",
        "monotone_constraints": [_MONOTONE.get(name, 0) for name, _ in FEATURES],
        "monotone_constraints_method": "basic",
    },
    "p10": {"objective": "quantile", "alpha": 0.1},
    "p50": {"objective": "quantile", "alpha": 0.5, "learning_rate": 0.1},
    "p90": {"objective": "quantile", "alpha": 0.9},
}
#: Each tree costs every row that is served 30 ns. So steps are large: on simulated days 60 trees of a rate of
#: 0.2 are within 1 % of 150 trees of 0.08; the outer quantiles are stretched to fit anyway.
MOST_ROUNDS = {"late": 60, "p10": 40, "p50": 100, "p90": 40}
_PATIENCE_ROUNDS = 12
#: A leaf holds at least this share of the rows, and so many.
_LEAF_SHARE, _LEAST_LEAF = 0.004, 100
#: The arrival of a stop that has been reached is no forecast; further off than this is another day.
_WORST_ERROR_S = 2 * 3600
_LONGEST_WEIGHT_S = 300.0
#: In minutes: rows that lie closer to the next one than this tell nothing new, they only cost time.
_LEAST_WEIGHT = 0.5


@dataclass(frozen=True, slots=True)
class Fitted:
    """Boosters with the trees that were best on the later period."""

    boosters: dict[str, Any]
    rounds: dict[str, int]

    def model(self, calibration: Calibration, spread: Spread) -> DelayModel:
        """Ready to answer."""
        return DelayModel(**self.boosters, calibration=calibration, spread=spread)

    def raw(self) -> DelayModel:
        """As the boosters say it, before any calibration."""
        return self.model(Calibration(), Spread())


def fit(learn: History, stop: History | None, rounds: dict[str, int] | None = None) -> Fitted:
    """Fit each booster on `learn`, with early stopping on the later `stop`, or with the given rounds."""
    boosters = {}
    for name in OBJECTIVES:
        most = rounds[name] if rounds else MOST_ROUNDS[name]
        boosters[name] = _fit_one(name, learn, stop, most)
    best = {name: int(booster.best_iteration or booster.num_trees()) for name, booster in boosters.items()}
    return Fitted(boosters, best)


def _fit_one(name: str, learn: History, stop: History | None, rounds: int) -> Any:
    import lightgbm

    features, target, weight = _rows_for(name, learn)
    leaf = max(_LEAST_LEAF, round(_LEAF_SHARE * len(target)))
    parameters = {**PARAMETERS, **OBJECTIVES[name], "min_data_in_leaf": min(leaf, 1000)}
    names = [feature for feature, _ in FEATURES]
    data = lightgbm.Dataset(features, target, weight=weight, feature_name=names, free_raw_data=False)
    if stop is None:
        return lightgbm.train(parameters, data, rounds)
    later, later_target, later_weight = _rows_for(name, stop)
    valid = lightgbm.Dataset(later, later_target, weight=later_weight, reference=data)
    early = lightgbm.early_stopping(_PATIENCE_ROUNDS, verbose=False)
    return lightgbm.train(parameters, data, rounds, valid_sets=[valid], callbacks=[early])


def _rows_for(name: str, history: History) -> tuple[Floats, Floats, Floats]:
    if name == "late":
        chosen, target = has_promise(history), history.late
    else:
        beyond_s = history.error_s - persisting_s(history.features)
        chosen, target = is_ahead(history), beyond_s / scale_s(history.features)
    return history.features[chosen], target[chosen], weights_of(history)[chosen]


def spaced(history: History) -> History:
    """Without the rows that a next one about the same stop follows within half a minute."""
    return history.of_rows(weights_of(history) >= _LEAST_WEIGHT)


def has_promise(history: History) -> NDArray[np.bool_]:
    """Rows with a promise whose outcome is known."""
    return np.isfinite(history.late)


def is_ahead(history: History) -> NDArray[np.bool_]:
    """Rows whose stop was still to come when they were asked about, each once."""
    error, horizon = history.error_s, history.features[:, HORIZON]
    ahead = (horizon + error > 0) & (np.abs(error) < _WORST_ERROR_S)
    return np.asarray(ahead & (history.column("shift_end") == 0))


def weights_of(history: History) -> Floats:
    """What a row counts: the time until the next question about the same stop, 5 min at most. Questions come
    thick where the slip jumps about, which must not count for more."""
    shift = history.column("shift_end").astype(np.int64)
    key = (history.route * 4096 + history.stop) * 2 + shift
    order = np.lexsort((history.as_of_ms, key))
    gap_s = np.diff(history.as_of_ms[order], append=0) / 1000
    same = np.append(key[order][1:] == key[order][:-1], [False])[: len(order)]
    weight = np.empty(len(order))
    weight[order] = np.where(same, np.clip(gap_s, 1.0, _LONGEST_WEIGHT_S), 60.0)
    return weight / 60.0


def calibrate(said: Predictions, choose: History) -> tuple[Calibration, Spread]:
    """What makes answers come true. said: raw ones to `choose`, from boosters that have not learned it."""
    promised, ahead = has_promise(choose), is_ahead(choose)
    curve = choose_calibration(said.p_late[promised], choose.late[promised], choose.route[promised])
    error = choose.error_s[ahead] - said.p50_s[ahead]
    low, high = said.p10_s[ahead] - said.p50_s[ahead], said.p90_s[ahead] - said.p50_s[ahead]
    return curve, Spread(low=_stretch(-error, -low), high=_stretch(error, high))


def choose_calibration(p: Floats, late: Floats, group: NDArray[np.int64]) -> Calibration:
    """Isotonic or Platt, whichever is better on the half of the routes it was not fitted on; then fitted on
    all of them. The identity where there is only one kind of outcome."""
    half = group % 2 == 0
    if min(len(set(late[half])), len(set(late[~half]))) < 2:
        return Calibration()
    losses = []
    for fit_curve in (fit_platt, fit_isotonic):
        one, other = fit_curve(p[half], late[half]), fit_curve(p[~half], late[~half])
        losses.append(log_loss(one.apply(p[~half]), late[~half]) + log_loss(other.apply(p[half]), late[half]))
    return (fit_platt, fit_isotonic)[int(np.argmin(losses))](p, late)


def _stretch(error: Floats, width: Floats) -> float:
    """By what a width must be multiplied so that a tenth of the errors lies beyond it (conformal). Each
    question counts alike, as its reader takes it."""
    ratio = error / np.maximum(width, 1.0)
    return round(float(np.clip(np.quantile(ratio, 0.9), 0.3, 4.0)), 4)
