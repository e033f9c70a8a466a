"""Instants as integer milliseconds since the epoch: exact, cheap, and easy to compare."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from controltower.clock import EPOCH

MINUTE_MS: Final = 60_000
HOUR_MS: Final = 60 * MINUTE_MS
_DAY_MS: Final = 24 * HOUR_MS


def to_ms(instant: datetime) -> int:
    """Milliseconds since the epoch; parts of a millisecond are dropped."""
    since = instant - EPOCH
    return since.days * _DAY_MS + since.seconds * 1000 + since.microseconds // 1000


def from_ms(ms: int) -> datetime:
    """The instant in UTC, exact: the float is good to a quarter of a microsecond, and is rounded to one."""
    return datetime.fromtimestamp(ms / 1000, UTC)
