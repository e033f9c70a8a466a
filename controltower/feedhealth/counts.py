"""What is counted of a feed in a slot. Apart from who counts, since a struct is not compiled."""

from __future__ import annotations

import msgspec

from controltower.feedhealth.slots import DELAY_BOUNDS_S


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


class Open(msgspec.Struct, array_like=True):
    """The open slot of one feed."""

    slot: int
    carrier: str
    tenant: str
    first_ms: int
    last_ms: int
    counts: Counts
