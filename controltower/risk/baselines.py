"""What a model must beat: the schedule, the slip that persists, the slip that fades, the historical median of
each leg, and a logistic regression. All are fitted on the same rows as the model."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np

from controltower.risk.fallback import normal_p_late
from controltower.risk.history import Floats, History
from controltower.risk.predictions import HORIZON, SLACK
from controltower.risk.recipe import has_promise, is_ahead, weights_of

#: Time constants that are tried for the slip that fades, s.
_FADES_S = (900.0, 1800.0, 2700.0, 3600.0, 5400.0, 7200.0, 14_400.0)
#: A leg's median counts from so many trips on; before, the median of all legs does.
_LEAST_TRIPS = 3
#: What the logistic regression sees.
_LOGISTIC = ("slack_s", "planned_buffer_s", "slip_s", "slip_trend_s", "horizon_s", "stops_between")
LOGISTIC = "logistic regression"


@dataclass(frozen=True, slots=True)
class Baselines:
    """Fitted once, asked often."""

    fade_s: float
    leg_s: dict[str, float]
    any_leg_s: float
    #: per baseline: standard deviation of its error at once, and what each second ahead adds
    sigma: dict[str, tuple[float, float]]
    logistic: Any

    def etas(self, history: History) -> dict[str, Floats]:
        """Per baseline the arrival, s after the question, shape (n,)."""
        planned, slip = history.column("planned_s"), history.column("slip_s")
        ahead = np.maximum(0.0, planned + slip)
        found = {
            "schedule": planned,
            "slip persists": planned + slip,
            "slip fades": planned + slip * np.exp(-ahead / self.fade_s),
            "median of the leg": planned + slip + self._gains(history),
        }
        return {name: np.maximum(0.0, eta) for name, eta in found.items()}

    def p_late(self, history: History) -> dict[str, Floats]:
        """Per baseline the probability of missing the promise, shape (n,)."""
        due = history.features[:, SLACK] + history.features[:, HORIZON]
        found = {}
        for name, eta in self.etas(history).items():
            at_once, per_s = self.sigma[name]
            found[name] = normal_p_late(due - eta, at_once + per_s * eta)
        if self.logistic is not None:
            found[LOGISTIC] = self.logistic.predict_proba(_logistic_table(history))[:, 1]
        return found

    def _gains(self, history: History) -> Floats:
        """Slip that the legs between the vehicle and the stop usually add."""
        stops = 1 + max(history.leg_stop.max(initial=0), history.stop.max(initial=0))
        gains = np.full((len(history.route_id), stops + 1), self.any_leg_s)
        known = [self.leg_s.get(leg, self.any_leg_s) for leg in history.leg.tolist()]
        gains[history.leg_route, history.leg_stop] = known
        total = np.cumsum(gains, axis=1)
        return np.asarray(total[history.route, history.stop] - total[history.route, history.place])


def fit_baselines(learn: History) -> Baselines:
    """Fit what has to be fitted on the rows that the model learns from."""
    by_leg: dict[str, list[float]] = defaultdict(list)
    for leg, gain in zip(learn.leg.tolist(), learn.leg_gain_s.tolist(), strict=True):
        by_leg[leg].append(gain)
    any_leg = float(np.median(learn.leg_gain_s)) if len(learn.leg_gain_s) else 0.0
    leg_s = {leg: float(np.median(gains)) for leg, gains in by_leg.items() if len(gains) >= _LEAST_TRIPS}
    chosen = learn.of_rows(is_ahead(learn))
    bare = Baselines(_fit_fade(chosen), leg_s, any_leg, {}, _fit_logistic(learn))
    actual = chosen.features[:, HORIZON] + chosen.error_s
    sigma = {name: _fit_sigma(actual - eta, eta) for name, eta in bare.etas(chosen).items()}
    return Baselines(bare.fade_s, leg_s, any_leg, sigma, bare.logistic)


def _fit_fade(learn: History) -> float:
    planned, slip = learn.column("planned_s"), learn.column("slip_s")
    actual, weight = learn.features[:, HORIZON] + learn.error_s, weights_of(learn)
    ahead = np.maximum(0.0, planned + slip)
    losses = []
    for fade_s in _FADES_S:
        eta = np.maximum(0.0, planned + slip * np.exp(-ahead / fade_s))
        losses.append(np.average(np.abs(actual - eta), weights=weight) if len(learn) else 0.0)
    return _FADES_S[int(np.argmin(losses))]


def _fit_sigma(error: Floats, eta: Floats) -> tuple[float, float]:
    """A line through the mean absolute errors at short and at long horizons, as of a normal error."""
    to_sigma = float(np.sqrt(np.pi / 2))
    if len(error) < 10:
        return 60.0, 0.13
    slope, start = np.polyfit(eta, np.abs(error) * to_sigma, 1)
    return max(20.0, float(start)), max(0.0, float(slope))


def _logistic_table(history: History) -> Floats:
    """Missing values as 0, hours as the unit, so that no feature outweighs another."""
    columns = [np.nan_to_num(history.column(name)) for name in _LOGISTIC]
    table = np.column_stack(columns) / 3600.0
    return np.clip(table, -10.0, 10.0)


def _fit_logistic(learn: History) -> Any:
    """None where there are no two kinds of outcome."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    chosen = has_promise(learn)
    late = learn.late[chosen]
    if len(np.unique(late)) < 2:
        return None
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300))
    return model.fit(_logistic_table(learn)[chosen], late)
