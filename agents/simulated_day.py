"""A simulated day in the shape of a recorded one, placed where the clock of a running system stands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from controltower.clock import instant_of
from controltower.intake import Arrival
from controltower.simulate.day import DEFAULT_START, simulate_day
from schemas.wire import Plan

#: A day takes seconds to simulate, while the clock of a live system moves on.
_AHEAD = timedelta(seconds=60)


@dataclass(slots=True, frozen=True)
class SimulatedDay:
    """What a streamer needs of a day."""

    plans: tuple[Plan, ...]
    recorded: tuple[Arrival, ...]

    @property
    def arrivals_total(self) -> int:
        return len(self.recorded)

    def arrivals(self) -> Iterator[Arrival]:
        """The payloads in order of arrival."""
        return iter(self.recorded)


def simulate_next_day(seed: int, clock_ms: int | None, wall_ms: int) -> SimulatedDay:
    """The day that begins at `next_start`."""
    day = simulate_day(seed, start=next_start(clock_ms, wall_ms))
    return SimulatedDay(day.plans, day.arrivals)


def next_start(clock_ms: int | None, wall_ms: int) -> datetime:
    """When a simulated day can begin in a system whose clock stands at `clock_ms` (None: it has none).

    Now; or, after a day that was streamed faster than time passes, in the afternoon of the next date, since
    routes are named after their date.
    """
    now = instant_of(wall_ms) + _AHEAD
    clock = instant_of(clock_ms or 0)
    if clock < now:
        return now
    return DEFAULT_START.replace(year=clock.year, month=clock.month, day=clock.day) + timedelta(days=1)
