"""The rule that stands in where no model is at hand: how far the promise lies from the ETA, in sigmas.

p(late) = 1 - Phi(slack / sigma), with the sigma of the ETA's quantiles (see `route.eta`): the error of the
arrival is taken as normal. Without a promise it is 0.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from controltower.risk.features import FEATURES

VERSION = "rule/1"
_SLACK = [name for name, _ in FEATURES].index("slack_s")
_HORIZON = [name for name, _ in FEATURES].index("horizon_s")
_SIGMA_BASE_S = 60.0
_SIGMA_SHARE = 0.13


def estimate_p_late(row: Sequence[float | None]) -> float:
    """p(late) of one row of features."""
    slack, horizon = row[_SLACK], row[_HORIZON]
    if slack is None:
        return 0.0
    sigma = _SIGMA_BASE_S + _SIGMA_SHARE * max(0.0, horizon or 0.0)
    return 0.5 * math.erfc(slack / sigma / math.sqrt(2))
