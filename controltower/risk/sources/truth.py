"""When a vehicle came to its stops, as the log of its route tells it."""

from __future__ import annotations

import numpy as np

from controltower.risk.history import Floats
from controltower.risk.passing import passing_ms
from controltower.risk.questions import RouteStory
from controltower.route.limits import Limits


def arrivals_of(story: RouteStory, limits: Limits) -> Floats:
    """Arrival (ms) per stop of the plan: by its fixes, and where a scan says that the stop was served before
    them, or they do not tell, by that scan. NaN where neither tells."""
    assert story.plan is not None, "a story without a plan has no stops"
    arrivals = passing_ms(story.plan, story.fixes, limits)
    for index, served_ms in story.served_ms.items():
        arrivals[index] = np.fmin(arrivals[index], served_ms)
    return arrivals
