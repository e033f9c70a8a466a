"""How good answers are, by horizon and with bootstrap intervals over trips, beside the baselines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from controltower.risk.history import Floats, History
from controltower.risk.measures import measure
from controltower.risk.predictions import HORIZON, Predictions
from controltower.risk.recipe import has_promise, is_ahead

Rows = NDArray[np.int64]
#: Minutes before the arrival, each with how far from it a question may lie.
HORIZONS_MIN = (5, 15, 30, 60)
_TOLERANCE_MS = 150_000
MODEL = "model"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What goes onto the card. beaten_by: the baseline that was better, or None."""

    held_out: dict[str, dict[str, float | None]]
    beaten_by: str | None


def rows_before_arrival(history: History, minutes: float) -> Rows:
    """Per stop and route the question that was asked nearest to `minutes` before the true arrival, and not
    further than 2.5 min from that."""
    actual_ms = (history.features[:, HORIZON] + history.error_s) * 1000
    off_ms = np.abs(actual_ms - minutes * 60_000)
    rows = np.flatnonzero((off_ms <= _TOLERANCE_MS) & is_ahead(history))
    key = history.route[rows] * 4096 + history.stop[rows]
    order = np.lexsort((off_ms[rows], key))
    rows, key = rows[order], key[order]
    first = np.append([True], key[1:] != key[:-1])[: len(rows)]
    return np.asarray(rows[first], dtype=np.int64)


def absolute_errors(history: History, etas: Mapping[str, Floats], rows: Rows) -> dict[str, Floats]:
    """Per forecast the distance of the ETA from the arrival, s, for these rows."""
    actual = history.features[rows, HORIZON] + history.error_s[rows]
    return {name: np.abs(actual - eta[rows]) for name, eta in etas.items()}


def with_model(history: History, said: Predictions, etas: Mapping[str, Floats]) -> dict[str, Floats]:
    """The model's ETA beside those of the baselines."""
    return {MODEL: history.features[:, HORIZON] + said.p50_s, **etas}


def judge(
    history: History, said: Predictions, etas: Mapping[str, Floats], p_late: Mapping[str, Floats]
) -> Judgement:
    """Held-out measures of all, and whether the model beats every baseline in what it is for: the mean error
    of the ETA over all horizons, and the log loss of the risk, which being sure and wrong costs most."""
    held_out: dict[str, dict[str, float | None]] = {}
    promised = has_promise(history)
    for name, p in {MODEL: said.p_late, **p_late}.items():
        held_out[name] = dict(measure(p[promised], history.late[promised]))
    for minutes in HORIZONS_MIN:
        rows = rows_before_arrival(history, minutes)
        for name, error in absolute_errors(history, with_model(history, said, etas), rows).items():
            value = round(float(error.mean()), 1) if len(error) else None
            held_out.setdefault(name, {})[f"mae_{minutes}_min_s"] = value
    return Judgement(held_out, _beaten_by(held_out))


def _beaten_by(held_out: Mapping[str, Mapping[str, float | None]]) -> str | None:
    def mean_error(name: str) -> float:
        known = [v for key, v in held_out[name].items() if key.startswith("mae_") and v is not None]
        return float(np.mean(known)) if known else np.inf

    for name, values in held_out.items():
        worse_risk = (values.get("log_loss") or np.inf) < (held_out[MODEL]["log_loss"] or 0.0)
        if name != MODEL and (worse_risk or mean_error(name) < mean_error(MODEL)):
            return name
    return None
