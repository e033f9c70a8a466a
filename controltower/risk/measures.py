"""How good probabilities are, against what came true. Arrays are (n,); weights say what each row counts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_BINS = 10
_EDGE = 1e-6


def squared_error(p: Floats, y: Floats) -> Floats:
    """Per row; its mean is the Brier score (1950), 0 is perfect."""
    return (p - y) ** 2


def log_losses(p: Floats, y: Floats) -> Floats:
    """Negative log likelihood per row, in nats."""
    clipped = np.clip(p, _EDGE, 1 - _EDGE)
    return np.asarray(-(y * np.log(clipped) + (1 - y) * np.log(1 - clipped)), dtype=np.float64)


def log_loss(p: Floats, y: Floats) -> float:
    """Mean negative log likelihood, in nats."""
    return float(log_losses(p, y).mean())


def auc(p: Floats, y: Floats, weight: Floats | None = None) -> float:
    """Probability that a late stop scores above a punctual one; ties count half (Mann-Whitney U)."""
    weight = np.ones(len(p)) if weight is None else weight
    _, level = np.unique(p, return_inverse=True)
    late, kept = np.bincount(level, weight * y), np.bincount(level, weight * (1 - y))
    pairs = late.sum() * kept.sum()
    if not pairs:
        return float("nan")
    return float((late * (np.cumsum(kept) - kept / 2)).sum() / pairs)


def calibration_error(p: Floats, y: Floats, weight: Floats | None = None) -> float:
    """Expected calibration error over ten equal bins: mean distance of said and true share, by rows."""
    weight = np.ones(len(p)) if weight is None else weight
    bins = np.minimum((p * _BINS).astype(int), _BINS - 1)
    off = np.bincount(bins, weight * (p - y), minlength=_BINS)
    return float(np.abs(off).sum() / max(weight.sum(), _EDGE))


def measure(p: Floats, y: Floats) -> dict[str, float]:
    """All of them, rounded for a manifest."""
    found = {
        "brier": float(squared_error(p, y).mean()),
        "log_loss": log_loss(p, y),
        "auc": auc(p, y),
        "calibration_error": calibration_error(p, y),
    }
    return {name: round(value, 5) for name, value in found.items()}
