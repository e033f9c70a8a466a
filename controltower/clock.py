"""The wall clock, read in one place. Deciding code never calls it; it gets stream time from the log."""

from __future__ import annotations

import time
from datetime import UTC, datetime


def wall_ms() -> int:
    """Milliseconds since 1970 by this machine's clock; only good for `published_at` and live ticks."""
    return time.time_ns() // 1_000_000


def instant_of(epoch_ms: int) -> datetime:
    """The UTC instant of epoch milliseconds."""
    return datetime.fromtimestamp(epoch_ms / 1000, UTC)


def epoch_ms_of(instant: datetime) -> int:
    """Epoch milliseconds of an aware instant, rounded to the nearest."""
    return round(instant.timestamp() * 1000)
