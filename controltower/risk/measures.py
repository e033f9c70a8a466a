"""How good probabilities are, against what came true."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_BINS = 10
_EDGE = 1e-6


def brier(p: Floats, y: Floats) -> float:
    """Mean squared error of the probability (Brier 1950); 0 is perfect."""
    return float(np.mean((p - y) ** 2))


def log_loss(p: Floats, y: Floats) -> float:
    """Mean negative log likelihood, in nats."""
    clipped = np.clip(p, _EDGE, 1 - _EDGE)
    return float(-np.mean(y * np.log(clipped) + (1 - y) * np.log(1 - clipped)))


def auc(p: Floats, y: Floats) -> float:
    """Probability that a late stop scores above a punctual one; ties count half (Mann-Whitney U)."""
    _, inverse, counts = np.unique(p, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    rank = ((last - counts + 1 + last) / 2)[inverse]
    positives = float(y.sum())
    negatives = len(y) - positives
    if not positives or not negatives:
        return float("nan")
    return float((rank[y == 1].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def calibration_error(p: Floats, y: Floats) -> float:
    """Expected calibration error over ten equal bins: mean distance of said and true share, by rows."""
    bins = np.minimum((p * _BINS).astype(int), _BINS - 1)
    total = 0.0
    for b in range(_BINS):
        inside = bins == b
        if inside.any():
            total += abs(p[inside].mean() - y[inside].mean()) * inside.mean()
    return float(total)


def measure(p: Floats, y: Floats) -> dict[str, float]:
    """All of them, rounded for a manifest."""
    found = {"brier": brier, "log_loss": log_loss, "auc": auc, "calibration_error": calibration_error}
    return {name: round(function(p, y), 5) for name, function in found.items()}
