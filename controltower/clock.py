"""The wall clock, read in one place. Deciding code never calls it; it gets stream time from the log."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Final

#: A source says at every full 10 s up to where it is read; everybody at the same, so clocks move at once.
TICK_EVERY_MS: Final = 10_000
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_S: Final = 86_400


def wall_ms() -> int:
    """Milliseconds since 1970 by this machine's clock; only good for `published_at` and live ticks."""
    return time.time_ns() // 1_000_000


def instant_of(epoch_ms: int) -> datetime:
    """The UTC instant of epoch milliseconds."""
    return datetime.fromtimestamp(epoch_ms / 1000, UTC)


def epoch_ms_of(instant: datetime) -> int:
    """Epoch milliseconds of an aware instant, rounded to the nearest."""
    since = instant - EPOCH
    return (since.days * _DAY_S + since.seconds) * 1000 + (since.microseconds + 500) // 1000


def passes(before_ms: int | None, now_ms: int, every_ms: int) -> bool:
    """Whether a clock that moved from `before_ms` has come to or over a full multiple of `every_ms`."""
    return before_ms is None or now_ms // every_ms > before_ms // every_ms
