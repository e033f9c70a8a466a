"""A token bucket: so many events per second, and a burst."""

from __future__ import annotations

import math


class Bucket:
    """Full at first. `now_s` never goes back."""

    def __init__(self, per_s: float, burst: int) -> None:
        self._per_s, self._burst = per_s, float(burst)
        self._left, self._at_s = float(burst), 0.0

    def take(self, events: int, now_s: float) -> int:
        """0 where the events may pass; else in how many whole seconds they may, and nothing is taken."""
        left = min(self._burst, self._left + (now_s - self._at_s) * self._per_s) if self._at_s else self._left
        self._left, self._at_s = left, now_s
        if events <= left:
            self._left -= events
            return 0
        return max(1, math.ceil((events - left) / self._per_s))
