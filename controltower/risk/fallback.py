"""The rule that stands in where no model is at hand: how far the promise lies from the ETA, in sigmas.

p(late) = 1 - Phi(slack / sigma), with the sigma of the ETA's quantiles (see `route.eta`): the error of the
arrival is taken as normal. Without a promise it is 0.
"""

from __future__ import annotations

import math

import numpy as np

from controltower.risk.predictions import SLACK, Floats, Predictions, order, scale_s

VERSION = "rule/1"
_Z_90 = 1.2816
_erfc = np.vectorize(math.erfc, otypes=[np.float64])


def predict(table: Floats) -> Predictions:
    """The answers to a table of features, shape (n, F)."""
    sigma = scale_s(table)
    width, nothing = _Z_90 * sigma, np.zeros(len(table))
    return order(table, normal_p_late(table[:, SLACK], sigma), -width, nothing, width)


def normal_p_late(slack_s: Floats, sigma_s: Floats) -> Floats:
    """1 - Phi(slack / sigma), shape (n,); an even chance where the slack is missing."""
    return np.asarray(0.5 * _erfc(np.nan_to_num(slack_s) / sigma_s / math.sqrt(2)), dtype=np.float64)


def contributions(table: Floats) -> Floats:
    """Everything comes from the slack: its distance from an even chance, shape (n, F)."""
    shares = np.zeros_like(table)
    shares[:, SLACK] = predict(table).p_late - 0.5
    return shares
