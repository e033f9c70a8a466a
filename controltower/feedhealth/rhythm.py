"""A feed's own rhythm: from when on its silence means something, and how far its scans may be trusted."""

from __future__ import annotations

from typing import Final

import msgspec

from controltower.feedhealth.counts import Counts
from controltower.feedhealth.slots import SLOT_MS
from schemas.wire import FeedPulse

#: The last 20 min of a feed that is heard in every slot.
MOST_GAPS: Final = 120
#: Fewer gaps than this (about 7 min of a steady feed) are no rhythm yet.
LEAST_GAPS: Final = 40
#: Silence is told after 3 x the longest usual gap, not before this ...
SHORTEST_LIMIT_MS: Final = 150_000
#: ... and a feed that would need longer is not judged: SIGNAL_LOST takes 5 min and waits for no longer.
LONGEST_LIMIT_MS: Final = 270_000
GAPS_TO_LIMIT: Final = 3
#: The silence of fewer vehicles is theirs and not the feed's.
LEAST_VEHICLES: Final = 5
#: Vehicles that a source told of so many slots ago (10 min) are at work no more.
_AT_WORK_SLOTS: Final = 60
#: Quality is that of the last one to two windows of 30 min.
WINDOW_MS: Final = 1_800_000


class Rhythm(msgspec.Struct, array_like=True):
    """What is known of one feed. Times in ms, 0 where unknown."""

    heard_ms: int = 0
    slot: int = 0
    #: distances in slots between slots with records, newest last
    gaps: list[int] = []
    #: source -> slot and vehicles of its last pulse
    vehicles: dict[str, tuple[int, int]] = {}
    window: int = 0
    now: Counts = msgspec.field(default_factory=Counts)
    before: Counts = msgspec.field(default_factory=Counts)

    def take(self, slot: int, pulse: FeedPulse, *, was_down: bool) -> None:
        """One pulse; slots never go back, several sources may have one in the same slot."""
        if slot > self.slot:
            if self.slot and not was_down:
                self._take_gap(slot - self.slot)
            self.slot = slot
        self.vehicles[pulse.source] = (slot, pulse.vehicles)
        self._count(slot * SLOT_MS // WINDOW_MS, pulse)

    def _take_gap(self, gap: int) -> None:
        """A gap that no limit allows (a night, a weekend) begins a new rhythm."""
        if gap * SLOT_MS > LONGEST_LIMIT_MS:
            self.gaps.clear()
        else:
            self.gaps = [*self.gaps[1 - MOST_GAPS :], gap]

    def _count(self, window: int, pulse: FeedPulse) -> None:
        if window > self.window:
            self.before = self.now if window == self.window + 1 else Counts()
            self.now, self.window = Counts(), window
        self.now.add(
            Counts(
                pulse.records,
                pulse.rejected,
                pulse.scans,
                pulse.unmapped,
                pulse.future,
                pulse.disordered,
                pulse.duplicates,
                list(pulse.delays),
            )
        )

    def at_work(self) -> int:
        """Vehicles heard of in the 10 min before the last record."""
        return sum(n for slot, n in self.vehicles.values() if slot > self.slot - _AT_WORK_SLOTS)

    def limit_ms(self) -> int | None:
        """How long the feed may be silent; None where its silence means nothing.

        A feed that names vehicles needs several of them at work; one of parcels alone needs its rhythm.
        """
        if len(self.gaps) < LEAST_GAPS:
            return None
        if self.names_vehicles and self.at_work() < LEAST_VEHICLES:
            return None
        limit = max(SHORTEST_LIMIT_MS, GAPS_TO_LIMIT * max(self.gaps) * SLOT_MS)
        return limit if limit <= LONGEST_LIMIT_MS else None

    @property
    def names_vehicles(self) -> bool:
        return any(vehicles for _, vehicles in self.vehicles.values())

    def recent(self) -> Counts:
        """The sums of the last one to two windows."""
        recent = Counts()
        recent.add(self.before)
        recent.add(self.now)
        return recent


def share(part: int, whole: int) -> float | None:
    """To a thousandth, or None of nothing."""
    return round(part / whole, 3) if whole else None


def discipline(counts: Counts) -> float | None:
    """How far the scans of a feed may be trusted, 0 to 1; None before the first scan.

    The product of five shares: records not rejected, codes known, times not ahead of ours, reports in
    order, scans received within 5 min of the event.
    """
    if not counts.scans:
        return None
    score = 1 - counts.rejected / counts.records
    for wrong in (counts.unmapped, counts.future, counts.disordered, sum(counts.delays[-2:])):
        score *= 1 - min(1.0, wrong / counts.scans)
    return round(score, 3)
