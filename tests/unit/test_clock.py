"""Instants and epoch milliseconds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from controltower.clock import epoch_ms_of, instant_of

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LATEST_MS = 4_102_444_800_000


@given(st.integers(0, LATEST_MS))
def test_milliseconds_come_back_as_they_were(epoch_ms: int) -> None:
    """Up to the year 2100."""
    assert epoch_ms_of(instant_of(epoch_ms)) == epoch_ms


@given(st.integers(0, LATEST_MS * 1000), st.integers(-14 * 4, 14 * 4))
def test_an_instant_is_rounded_to_the_nearest_millisecond(epoch_us: int, quarters: int) -> None:
    """Halves up, whatever the offset of its zone."""
    zone = timezone(timedelta(minutes=15 * quarters))
    instant = (EPOCH + timedelta(microseconds=epoch_us)).astimezone(zone)
    assert epoch_ms_of(instant) == (epoch_us + 500) // 1000
