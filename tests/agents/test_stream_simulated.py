"""A simulated day streamed into a running system begins where that system's clock allows it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from agents.simulated_day import next_start, simulate_next_day
from controltower.clock import epoch_ms_of

NOW = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)


def test_begins_now_in_a_fresh_system() -> None:
    """Without a clock there is nothing to be later than."""
    assert next_start(None, epoch_ms_of(NOW)) == NOW + timedelta(seconds=60)


def test_begins_now_where_the_clock_is_the_walls() -> None:
    """A live system ticks the wall's time; the day begins a little ahead of it."""
    assert next_start(epoch_ms_of(NOW), epoch_ms_of(NOW)) == NOW + timedelta(seconds=60)


def test_begins_on_the_next_date_after_a_day_streamed_fast() -> None:
    """The clock is hours ahead then, and the routes of that date have ended."""
    clock = epoch_ms_of(NOW + timedelta(hours=11))
    assert next_start(clock, epoch_ms_of(NOW)) == datetime(2026, 5, 5, 12, 30, tzinfo=UTC)


def test_the_next_date_is_found_at_the_end_of_a_month() -> None:
    """Dates carry over."""
    clock = epoch_ms_of(datetime(2026, 5, 31, 23, 30, tzinfo=UTC))
    assert next_start(clock, epoch_ms_of(NOW)) == datetime(2026, 6, 1, 12, 30, tzinfo=UTC)


def test_the_day_is_ready_to_stream() -> None:
    """Plans for its vans, and payloads in order of arrival, none before the start."""
    day = simulate_next_day(1, None, epoch_ms_of(NOW))
    received = [arrival.received_at_ms for arrival in day.arrivals()]
    assert day.plans
    assert len(received) == day.arrivals_total
    assert received == sorted(received)
    assert received[0] >= epoch_ms_of(NOW)
