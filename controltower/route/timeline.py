"""Instants as integer milliseconds since the epoch: exact, cheap, and easy to compare."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
#: Half a day.
_SECONDS_KEPT = 43_200


def to_ms(instant: datetime) -> int:
    """Milliseconds since the epoch; parts of a millisecond are dropped."""
    return (instant - EPOCH) // _MS


class Seconds(dict[int, datetime]):
    """The instants (UTC) of whole seconds, each made once: all ETAs fall into the same few hours."""

    def __missing__(self, second: int) -> datetime:
        if len(self) >= _SECONDS_KEPT:
            self.clear()
        instant = self[second] = datetime.fromtimestamp(second, UTC)
        return instant


def from_ms(ms: int) -> datetime:
    """The instant in UTC, exact: the float is good to a quarter of a microsecond, and is rounded to one."""
    return datetime.fromtimestamp(ms / 1000, UTC)
