"""Stream time in slots of 10 s."""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

from controltower.clock import TICK_EVERY_MS

#: The rhythm of the ticks: a finer slot would be told no sooner.
SLOT_MS: Final = TICK_EVERY_MS
#: Seconds from event to receipt; the last count of `delays` is what took longer.
DELAY_BOUNDS_S: Final = (5, 15, 60, 300, 3600)


def slot_of(at_ms: int) -> int:
    """The number of the slot that an instant lies in."""
    return at_ms // SLOT_MS


def delay_place(delay_s: float) -> int:
    """Which count of `delays` an event belongs to."""
    return bisect_left(DELAY_BOUNDS_S, delay_s)
