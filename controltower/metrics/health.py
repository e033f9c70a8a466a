"""Whether this process lives and whether it is ready."""

from __future__ import annotations

import time
from collections.abc import Callable


class Health:
    """What /healthz and /readyz say. `monotonic_s` is injected by tests."""

    def __init__(self, stale_after_s: float, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._stale_after_s = stale_after_s
        self._monotonic_s = monotonic_s
        self._beat_s = monotonic_s()
        self.ready = False

    def beat(self) -> None:
        """Called about once a second by the event loop: it turns."""
        self._beat_s = self._monotonic_s()

    def beat_age_s(self) -> float:
        """Seconds since the loop last turned."""
        return self._monotonic_s() - self._beat_s

    def alive(self) -> bool:
        """False once the loop stood still for too long."""
        return self.beat_age_s() <= self._stale_after_s
