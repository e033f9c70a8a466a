"""Counts per feed and slot what one intake source receives; closed slots become pulses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from controltower.clock import instant_of
from controltower.feedhealth.counts import Counts, Open
from controltower.feedhealth.slots import DELAY_BOUNDS_S, SLOT_MS, delay_place, slot_of
from controltower.feeds.vehicles import SKEW_TOLERANCE_MS
from controltower.streaming.stage import Out
from schemas.topics import FEED_HEALTH
from schemas.wire import FeedPulse, encode

METER_KEY: Final = b"c/meter"
#: A vehicle heard of within this time is at work.
AT_WORK_MS: Final = 600_000
_TALLIED: Final = ("future", "disordered", "duplicates")

#: (upto_ms) -> vehicles at work then, per feed
CountAtWork = Callable[[int], Mapping[str, int]]


class Meter:
    """One intake source. What goes into which slot is a function of its records alone."""

    def __init__(self, source: str, count_at_work: CountAtWork) -> None:
        self._source = source
        self._count_at_work = count_at_work
        self._open: dict[str, Open] = {}
        self._oldest = 0
        self._changed = False

    def restore(self, value: bytes) -> None:
        """Take the changelog entry METER_KEY."""
        self._open = msgspec.msgpack.decode(value, type=dict[str, Open])
        self._oldest = min((found.slot for found in self._open.values()), default=0)

    def take_change(self) -> list[tuple[bytes, bytes | None]]:
        """The changelog entry, where something changed since the last call."""
        changed, self._changed = self._changed, False
        return [(METER_KEY, msgspec.msgpack.encode(self._open))] if changed else []

    def heard(self, feed: str, carrier: str, tenant: str, received_ms: int) -> Counts:
        """A record of a feed came; the counts that it is to be added to."""
        self._changed = True
        found = self._open.get(feed)
        if found is None:
            slot = slot_of(received_ms)
            found = self._open[feed] = Open(slot, carrier, tenant, received_ms, received_ms, Counts())
            self._oldest = min(self._oldest or slot, slot)
        if received_ms > found.last_ms:
            found.last_ms = received_ms
        found.counts.records += 1
        return found.counts

    def close_before(self, upto_ms: int, tallies: Counter[tuple[str, ...]]) -> list[Out]:
        """The pulses of all slots that end at `upto_ms` or earlier."""
        if not self._open or (self._oldest + 1) * SLOT_MS > upto_ms:
            return []
        closed = [feed for feed, found in self._open.items() if (found.slot + 1) * SLOT_MS <= upto_ms]
        at_work = self._count_at_work(upto_ms)
        outs = []
        for feed in sorted(closed):
            found = self._open.pop(feed)
            _count(tallies, feed, found.counts)
            outs.append(Out(FEED_HEALTH, found.carrier.encode(), encode(self._pulse(feed, found, at_work))))
        self._oldest = min((found.slot for found in self._open.values()), default=0)
        self._changed = True
        return outs

    def _pulse(self, feed: str, found: Open, at_work: Mapping[str, int]) -> FeedPulse:
        counts = found.counts
        return FeedPulse(
            feed=feed,
            carrier=found.carrier,
            tenant=found.tenant,
            source=self._source,
            slot_from=instant_of(found.slot * SLOT_MS),
            first_at=instant_of(found.first_ms),
            last_at=instant_of(found.last_ms),
            records=counts.records,
            rejected=counts.rejected,
            scans=counts.scans,
            unmapped=counts.unmapped,
            future=counts.future,
            disordered=counts.disordered,
            duplicates=counts.duplicates,
            vehicles=at_work.get(feed, 0),
            delays=tuple(counts.delays),
        )


def count_scan(counts: Counts, ahead_ms: int, *, unmapped: bool) -> None:
    """One scan; `ahead_ms`: its time minus the time of its receipt."""
    counts.scans += 1
    counts.unmapped += unmapped
    counts.future += ahead_ms > SKEW_TOLERANCE_MS
    counts.delays[delay_place(-ahead_ms / 1000)] += 1


def _count(tallies: Counter[tuple[str, ...]], feed: str, counts: Counts) -> None:
    """For the metrics; the delays as Prometheus has histograms, each bucket with all below it."""
    for name in _TALLIED:
        if found := getattr(counts, name):
            tallies[name, feed] += found
    total = 0
    for bound, found in zip((*map(str, DELAY_BOUNDS_S), "+Inf"), counts.delays, strict=True):
        total += found
        if total:
            tallies["delays", feed, bound] += total
