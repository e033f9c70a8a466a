"""How far the broker's clock is from ours, learned from the append times of our own writes."""

from __future__ import annotations

import time
from collections import deque

LOG_APPEND_TIME = 2


class BrokerClock:
    """Wall clock of the broker, in ms, never ahead of it.

    The broker stamped a record before we heard of it, so (append time - our time now) is at most the
    offset between the clocks; the largest of the last few is the closest. Until a record in a topic with
    message.timestamp.type=LogAppendTime was written, or with trusted False, our own clock is taken as it is.
    """

    def __init__(self, trusted: bool = True) -> None:
        self._trusted = trusted
        self._offsets_ms: deque[float] = deque(maxlen=16)

    def appended(self, timestamp_type: int, timestamp_ms: int) -> None:
        """A delivery report arrived just now."""
        if self._trusted and timestamp_type == LOG_APPEND_TIME:
            self._offsets_ms.append(timestamp_ms - time.time() * 1000)

    @property
    def offset_ms(self) -> float:
        return max(tuple(self._offsets_ms), default=0.0)

    def of_local(self, local_ms: float) -> int:
        """The broker's time at our time `local_ms`, or a little before it."""
        return int(local_ms + self.offset_ms)
