"""Stream time in slots of 10 s, and what is counted of a feed in one of them."""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

import msgspec

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


class Counts(msgspec.Struct, array_like=True):
    """Sums over records. The order of the fields is that of the changelog."""

    records: int = 0
    rejected: int = 0
    scans: int = 0
    unmapped: int = 0
    future: int = 0
    disordered: int = 0
    duplicates: int = 0
    delays: list[int] = msgspec.field(default_factory=lambda: [0] * (len(DELAY_BOUNDS_S) + 1))

    def add(self, other: Counts) -> None:
        self.records += other.records
        self.rejected += other.rejected
        self.scans += other.scans
        self.unmapped += other.unmapped
        self.future += other.future
        self.disordered += other.disordered
        self.duplicates += other.duplicates
        self.delays = [ours + theirs for ours, theirs in zip(self.delays, other.delays, strict=True)]
