"""All feeds of one partition of feed-health: pulses merged slot by slot, outages, the verdict for the routes.

A slot is judged once every intake source has been read beyond it, so neither the order in which sources
arrive nor their number changes the result.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from heapq import heappop, heappush
from typing import Final

import msgspec

from controltower.exceptions.archive import Archive, Grave
from controltower.exceptions.episode import Trigger
from controltower.feedhealth.feed import Feed
from controltower.feedhealth.rhythm import discipline, share
from controltower.feedhealth.slots import SLOT_MS, slot_of
from controltower.publishing import publish_exception, publish_feed
from controltower.route.clock import CLOCK_KEY, SourceClocks
from controltower.route.timeline import MINUTE_MS, from_ms, to_ms
from controltower.streaming.stage import Commit, Out, Record
from schemas import topics, wire
from schemas.vocabulary import FeedState, Transition

#: Who runs this fold.
_STAGE: Final = "assign"
FEED_KEY: Final = b"f/"
PULSE_KEY: Final = b"p/"
JUDGED_KEY: Final = b"c/judged"
#: A feed's status is told when its state changes, and this often.
STATUS_EVERY_MS: Final = 5 * MINUTE_MS


class FeedHealthFold:
    """A PartitionFold. `wall_ms` goes into `published_at` and nothing else."""

    def __init__(self, partition: int, partitions: int, wall_ms: Callable[[], int]) -> None:
        self._partition, self._partitions = partition, partitions
        self._wall_ms = wall_ms
        self._clocks = SourceClocks()
        self._feeds: dict[str, Feed] = {}
        #: slot -> offset in feed-health -> a pulse; of slots that are not yet judged
        self._waiting: dict[int, dict[int, wire.FeedPulse]] = {}
        #: the same slots as a heap: a tick costs what it makes ready, not what waits
        self._slots: list[int] = []
        self._archive = Archive()
        self._judged_ms = 0
        self._changes: dict[bytes, bytes | None] = {}
        self._outputs: list[Out] = []
        self._tallies: Counter[tuple[str, ...]] = Counter()

    def restore(self, key: bytes, value: bytes) -> None:
        if key == CLOCK_KEY:
            self._clocks.restore(value)
        elif key == JUDGED_KEY:
            self._judged_ms = int(value)
        elif key.startswith(PULSE_KEY):
            pulse = msgspec.json.decode(value, type=wire.FeedPulse)
            self._wait(int(key[len(PULSE_KEY) :]), pulse)
        elif key.startswith(FEED_KEY):
            feed = msgspec.msgpack.decode(value, type=Feed)
            self._feeds[feed.name] = feed
        else:
            self._archive.restore(key, value)

    def restored(self) -> None:
        """Nothing to do."""

    def idle(self, ends: Mapping[str, int]) -> Commit | None:
        """Nothing happens without a record."""
        return None

    def fold(self, records: Sequence[Record]) -> Commit:
        self._outputs, self._changes, self._tallies = [], {}, Counter()
        for record in records:
            self._fold_one(record)
        changes = [*self._changes.items(), *self._archive.take_changes()]
        return Commit(self._outputs, changes, dict(self._tallies))

    def _fold_one(self, record: Record) -> None:
        try:
            event = wire.decode_feed_event(record.value or b"")
        except msgspec.DecodeError:  # not written by us; it must not stop the partition
            self._tallies["unreadable",] += 1
            return
        if isinstance(event, wire.FeedPulse):
            self._wait(record.offset, event)
            self._changes[_pulse_key(record.offset)] = record.value
            return
        now_ms = self._clocks.tick(event)
        self._changes[CLOCK_KEY] = self._clocks.encode()
        if now_ms is not None:
            self._judge(now_ms // SLOT_MS * SLOT_MS)
            for ended in self._archive.advance(now_ms, topics.EXCEPTIONS):
                self._put_away(ended)

    def _wait(self, offset: int, pulse: wire.FeedPulse) -> None:
        """Until every source is read beyond its slot; one may be hours ahead of another."""
        slot = slot_of(to_ms(pulse.slot_from))
        if slot not in self._waiting:
            self._waiting[slot] = {}
            heappush(self._slots, slot)
        self._waiting[slot][offset] = pulse

    def _judge(self, upto_ms: int) -> None:
        """All slots that end at `upto_ms` or earlier."""
        if upto_ms <= self._judged_ms:
            return
        for offset, pulse in self._take_ready(upto_ms):
            self._hear(offset, pulse)
        for name in sorted(self._feeds):
            feed = self._feeds[name]
            feed.fire(upto_ms, self._tell, self._over_ms(feed))
            self._tell_status(feed, upto_ms)
            self._changes[FEED_KEY + name.encode()] = msgspec.msgpack.encode(feed)
        self._judged_ms = upto_ms
        self._changes[JUDGED_KEY] = b"%d" % upto_ms
        self._tell_routes(upto_ms)

    def _over_ms(self, feed: Feed) -> int:
        """Since when all sources of a feed are at the end of a recorded day; 0 while one is not."""
        over = [self._clocks.over_ms.get(source, 0) for source in feed.rhythm.vehicles]
        return max(over) if over and all(over) else 0

    def _take_ready(self, upto_ms: int) -> list[tuple[int, wire.FeedPulse]]:
        ready: list[tuple[int, wire.FeedPulse]] = []
        while self._slots and (self._slots[0] + 1) * SLOT_MS <= upto_ms:
            ready += self._waiting.pop(heappop(self._slots)).items()
        for offset, _ in ready:
            self._changes[_pulse_key(offset)] = None
        return sorted(ready, key=lambda found: (found[1].slot_from, found[1].first_at, found[1].source))

    def _hear(self, offset: int, pulse: wire.FeedPulse) -> None:
        feed = self._feeds.get(pulse.feed)
        if feed is None:
            feed = self._feeds[pulse.feed] = Feed(pulse.feed, pulse.carrier, pulse.tenant)
        first_ms, last_ms = to_ms(pulse.first_at), to_ms(pulse.last_at)
        feed.fire(first_ms - 1, self._tell)
        feed.trigger = Trigger(topics.FEED_HEALTH, self._partition, offset)
        feed.hear(slot_of(to_ms(pulse.slot_from)), pulse, first_ms, last_ms, self._tell)

    def _put_away(self, ended: wire.ExceptionRecord | Grave) -> None:
        if isinstance(ended, Grave):
            self._outputs.append(Out(ended.topic, ended.key.encode(), None, self._partition))
        else:
            self._tell(ended)

    def _tell(self, record: wire.ExceptionRecord) -> None:
        if record.transition is Transition.RESOLVED:
            self._archive.keep(record)
        record.published_at = from_ms(self._wall_ms())
        value = wire.encode(record)
        self._outputs.append(publish_exception(record, _STAGE, self._partition, value))
        self._tallies["exceptions", record.code.value, record.transition.value] += 1

    def _tell_routes(self, upto_ms: int) -> None:
        feeds = [self._feeds[name] for name in sorted(self._feeds)]
        scores = [(feed.name, discipline(feed.rhythm.recent())) for feed in feeds]
        judged = wire.FeedsJudged(
            source=f"{topics.FEED_HEALTH}/{self._partition}",
            sources=self._partitions,
            upto=from_ms(upto_ms),
            down=tuple(
                wire.FeedDown(
                    feed.name,
                    feed.outage.exception_id,
                    from_ms(feed.rhythm.heard_ms),
                    from_ms(feed.outage.detected_ms),
                )
                for feed in feeds
                if feed.outage is not None and feed.is_down
            ),
            discipline=tuple(wire.FeedDiscipline(name, score) for name, score in scores if score is not None),
        )
        value = wire.encode(judged)
        self._outputs += [
            Out(topics.ROUTE_EVENTS, None, value, partition) for partition in range(self._partitions)
        ]

    def _tell_status(self, feed: Feed, at_ms: int) -> None:
        state = feed.state(at_ms)
        if state is feed.told and (at_ms - feed.told_ms < STATUS_EVERY_MS or state is FeedState.QUIET):
            return
        feed.told, feed.told_ms = state, at_ms
        self._outputs.append(publish_feed(status_of(feed, state, at_ms), _STAGE, self._partition))


def status_of(feed: Feed, state: FeedState, at_ms: int) -> wire.FeedStatus:
    """The latest view of a feed."""
    recent, limit_ms = feed.rhythm.recent(), feed.rhythm.limit_ms()
    return wire.FeedStatus(
        feed=feed.name,
        carrier=feed.carrier,
        tenant=feed.tenant,
        state=state,
        as_of=from_ms(at_ms),
        last_heard_at=from_ms(feed.rhythm.heard_ms),
        silence_limit_s=None if limit_ms is None else limit_ms / 1000,
        vehicles=feed.rhythm.at_work(),
        records=recent.records,
        rejected_share=share(recent.rejected, recent.records),
        unmapped_share=share(recent.unmapped, recent.scans),
        future_share=share(recent.future, recent.scans),
        disordered_share=share(recent.disordered, recent.scans),
        duplicate_share=share(recent.duplicates, recent.scans),
        delays=tuple(recent.delays),
        discipline=discipline(recent),
        exception_id=feed.outage.exception_id if feed.outage is not None else None,
    )


def _pulse_key(offset: int) -> bytes:
    return PULSE_KEY + b"%d" % offset
