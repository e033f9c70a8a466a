"""From what a booster says to a probability that comes true as often as it says: isotonic or Platt."""

from __future__ import annotations

from enum import StrEnum
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

Floats = NDArray[np.float64]
_KNOTS = 101
_EDGE = 1e-4


class Method(StrEnum):
    """How a calibration was fitted."""

    NONE = "none"
    PLATT = "platt"
    ISOTONIC = "isotonic"


class Calibration(BaseModel):
    """A curve that never falls, straight between its knots: said probability to calibrated one."""

    model_config = ConfigDict(frozen=True)
    method: Method = Method.NONE
    said: tuple[float, ...] = (0.0, 1.0)
    true: tuple[float, ...] = (0.0, 1.0)

    def apply(self, p: Floats) -> Floats:
        """Probabilities of any shape, each for itself."""
        return np.asarray(np.interp(p, *self._curve), dtype=np.float64)

    @cached_property
    def _curve(self) -> tuple[Floats, Floats]:
        return np.array(self.said), np.array(self.true)


def fit_platt(p: Floats, late: Floats) -> Calibration:
    """A logistic curve over the log odds (Platt 1999), kept as knots."""
    from sklearn.linear_model import LogisticRegression

    curve = LogisticRegression(C=1e6).fit(_log_odds(p)[:, None], late)
    said = np.linspace(0.0, 1.0, _KNOTS)
    true = curve.predict_proba(_log_odds(said)[:, None])[:, 1]
    return _calibration(Method.PLATT, said, true)


def fit_isotonic(p: Floats, late: Floats) -> Calibration:
    """The best curve that never falls (pool adjacent violators), kept as knots."""
    from sklearn.isotonic import IsotonicRegression

    curve = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip").fit(p, late)
    said = np.unique(np.concatenate([[0.0, 1.0], np.quantile(p, np.linspace(0, 1, _KNOTS))]))
    return _calibration(Method.ISOTONIC, said, np.maximum.accumulate(curve.predict(said)))


def _calibration(method: Method, said: Floats, true: Floats) -> Calibration:
    """Never certain: a 0 or a 1 would be an infinite loss the first time it is wrong."""
    clipped = np.clip(true, _EDGE, 1 - _EDGE)
    return Calibration(
        method=method,
        said=tuple(round(float(v), 6) for v in said),
        true=tuple(round(float(v), 6) for v in clipped),
    )


def _log_odds(p: Floats) -> Floats:
    clipped = np.clip(p, _EDGE, 1 - _EDGE)
    return np.asarray(np.log(clipped / (1 - clipped)), dtype=np.float64)
