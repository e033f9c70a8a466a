"""Simulated time: seconds since the start of the day, and what they are in the city and in UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from controltower.simulate.assumptions import SPEED_BY_HOUR


@dataclass(frozen=True, slots=True)
class SimulatedClock:
    """`start` carries the city's offset from UTC: it decides when the rush hour is."""

    start: datetime

    @property
    def start_ms(self) -> int:
        """The start as epoch milliseconds."""
        return round(self.start.timestamp() * 1000)

    @property
    def date(self) -> str:
        """The service day, as in route ids: month and day."""
        return self.start.strftime("%m%d")

    def at_ms(self, second: float) -> int:
        """Epoch milliseconds of a second of the day."""
        return self.start_ms + round(second * 1000)

    def at(self, second: float) -> datetime:
        """The instant of a second of the day, to the second, in UTC."""
        return self.local(second).astimezone(UTC)

    def local(self, second: float) -> datetime:
        """The same as people in the city read it."""
        return self.start + timedelta(seconds=round(second))

    def street_speed(self, second: float) -> float:
        """Speed of the streets relative to free ones, between the full hours' values."""
        hours = self.start.hour + self.start.minute / 60 + second / 3600
        low = int(hours)
        share = hours - low
        first, then = SPEED_BY_HOUR[low % 24], SPEED_BY_HOUR[(low + 1) % 24]
        return first + (then - first) * share
