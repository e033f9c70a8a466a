"""A delay model in memory: four LightGBM boosters, a calibration and the spread of the quantiles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from controltower.risk.calibration import Calibration
from controltower.risk.features import SITUATION_FROM
from controltower.risk.forest import Forest, compile_forest
from controltower.risk.manifest import Canary, Manifest, Spread
from controltower.risk.predictions import Floats, Predictions, order, persisting_s, scale_s, to_table

#: A canary may differ by rounding in the last digits, not by more.
_TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True)
class DelayModel:
    """One thread: batches are small and the other core has work of its own.

    forest: the same trees in one table, where they are to answer many small batches.
    """

    late: Any
    p10: Any
    p50: Any
    p90: Any
    calibration: Calibration
    spread: Spread
    forest: Forest | None = None

    def predict(self, table: Floats, sizes: Sequence[int] | None = None) -> Predictions:
        """The answers to a table of features, shape (n, F), each row for itself; sizes: see Scorer."""
        start, scale = persisting_s(table), scale_s(table)
        late, *quantiles = self._ask(table, sizes)
        raw = Predictions(late, *[start + quantile * scale for quantile in quantiles])
        return order(table, *stretched(raw, self.calibration, self.spread))

    def _ask(self, table: Floats, sizes: Sequence[int] | None = None) -> list[Floats]:
        if self.forest is not None:
            return self.forest.predict(table, sizes)
        return [_ask(booster, table) for booster in (self.late, self.p10, self.p50, self.p90)]

    def with_forest(self, rows: Floats) -> DelayModel:
        """Answered by the forest, where it says of these rows what the boosters say, to the last bit."""
        forest = compile_forest((self.late, self.p10, self.p50, self.p90), SITUATION_FROM)
        if forest is None or not len(rows) or not np.array_equal(forest.predict(rows), self._ask(rows)):
            return self
        return replace(self, forest=forest)

    def contributions(self, table: Floats) -> Floats:
        """What each feature adds to the log odds of being late (SHAP values), shape (n, F)."""
        shares = self.late.predict(table, num_threads=1, pred_contrib=True)
        return np.asarray(shares, dtype=np.float64)[:, :-1]


def stretched(raw: Predictions, calibration: Calibration, spread: Spread) -> Predictions:
    """What boosters say, calibrated: the outer quantiles are moved away from the median or towards it."""
    low, high = raw.p10_s - raw.p50_s, raw.p90_s - raw.p50_s
    return Predictions(
        calibration.apply(raw.p_late),
        raw.p50_s + spread.low * low,
        raw.p50_s,
        raw.p50_s + spread.high * high,
    )


def _ask(booster: Any, table: Floats) -> Floats:
    return np.asarray(booster.predict(table, num_threads=1), dtype=np.float64)


def load_model(manifest: Manifest, texts: Mapping[str, str]) -> DelayModel:
    """Parse the boosters. Only for texts that match their digests, and in a child process first."""
    import lightgbm

    boosters = {name: lightgbm.Booster(model_str=text) for name, text in texts.items()}
    model = DelayModel(**boosters, calibration=manifest.calibration, spread=manifest.spread)
    return model.with_forest(to_table([canary.row for canary in manifest.canaries]))


def find_wrong_canary(model: DelayModel, canaries: tuple[Canary, ...]) -> str | None:
    """What the model says differently than it should, or None where all is as it was when it was made."""
    if not canaries:
        return "the manifest has no canaries"
    said = model.predict(to_table([canary.row for canary in canaries]))
    for name, values in zip(Predictions._fields, said, strict=True):
        for number, (canary, value) in enumerate(zip(canaries, values, strict=True), start=1):
            expected = getattr(canary, name)
            if not abs(value - expected) <= _TOLERANCE * max(1.0, abs(expected)):
                return f"canary {number}: {name} is {value:.6g} instead of {expected:.6g}"
    return None
