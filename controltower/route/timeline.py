"""Instants as integer milliseconds since the epoch: exact, cheap, and easy to compare."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS


def to_ms(instant: datetime) -> int:
    """Milliseconds since the epoch; parts of a millisecond are dropped."""
    return (instant - EPOCH) // _MS


def from_ms(ms: int) -> datetime:
    """The instant in UTC, exact: the float is good to a quarter of a microsecond, and is rounded to one."""
    return datetime.fromtimestamp(ms / 1000, UTC)
