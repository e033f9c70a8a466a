"""The stage normalize: what outsiders write becomes the logs of routes, shipments and recovery."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Final

import msgspec

from controltower.clock import epoch_ms_of, instant_of
from controltower.feedhealth.counts import Counts
from controltower.feedhealth.meter import AT_WORK_MS, METER_KEY, Meter, count_scan
from controltower.feedhealth.slots import SLOT_MS
from controltower.feeds.clock import CLOCK_KEY, advance, due_ms, tick_everyone, wait
from controltower.feeds.governing import is_for_everybody, tell_everybody
from controltower.feeds.intake import READERS, accept_plan, is_haul_plan, read_haul_plan, tell_plan
from controltower.feeds.manifests import MANIFEST_KEY, Manifests
from controltower.feeds.registry import Feed
from controltower.feeds.rejection import Rejected
from controltower.feeds.source_clock import SourceClock
from controltower.feeds.surge import SURGE_KEY, Surge
from controltower.feeds.unmapped import UNMAPPED_KEY, UnmappedCodes
from controltower.feeds.vehicles import Fleet, follow, measure_skew_s, skew_s
from controltower.feeds.versions import (
    MAPPING_HEADER,
    MAPPING_KEY,
    Version,
    decode_version,
    encode_version,
    read_version,
)
from controltower.intake import (
    CLOCK_HEADER,
    DETAIL_HEADER,
    FEED_HEADER,
    OMITTED_HEADER,
    OVER_HEADER,
    REASON_HEADER,
    RECEIVED_AT_HEADER,
    RENORMALIZED_HEADER,
    SOURCE_HEADER,
)
from controltower.streaming.exits import Refused
from controltower.streaming.stage import Commit, Headers, Out, Record
from schemas import base, topics
from schemas.vocabulary import Milestone, RejectReason
from schemas.wire import Scan, Source, encode

#: Header values outside 2000-2100 are no times of a recorded day.
_EARLIEST_MS: Final = 946_684_800_000
_LATEST_MS: Final = 4_102_444_800_000
_MOST_DIGITS: Final = len(str(_LATEST_MS))
#: Label of records whose feed we do not know, since labels come from closed lists.
UNKNOWN_FEED: Final = "unknown"
#: A record that grew beyond this when it was unpacked does not fit into dead-letters (8 MiB with its frame).
LARGEST_LETTER_BYTES: Final = 7 << 20


class NormalizeFold:
    """Folds the intake of one partition.

    The source clock belongs to carrier-events alone. Ticks go out right after the record that makes them
    due, so the output does not depend on how records were batched. Vehicles are followed per partition:
    outsiders key positions by vehicle.

    rejected_limit: fold() raises Refused when more records of a topic are rejected beyond nine per accepted
    one; 0: never. It changes no output, since nothing of such a poll is written.
    """

    def __init__(
        self, partition: int, partitions: int, feeds: Mapping[str, Feed], rejected_limit: int = 0
    ) -> None:
        self._partition = partition
        self._source = f"{topics.CARRIER_EVENTS}/{partition}"
        self._partitions = partitions
        self._feeds = dict(feeds)
        self._versions: dict[str, Version] = {}
        self._new_versions: set[str] = set()
        self._unmapped = UnmappedCodes()
        self._manifests = Manifests()
        self._rejected_limit = rejected_limit
        self._surge = Surge()
        self._surge_changed = False
        self._clock = SourceClock()
        self._fleet = Fleet()
        self._meter = Meter(self._source, self._count_at_work)
        self._outputs: list[Out] = []
        self._tallies: Counter[tuple[str, ...]] = Counter()

    def restore(self, key: bytes, value: bytes) -> None:
        if key == CLOCK_KEY:
            self._clock = msgspec.msgpack.decode(value, type=SourceClock)
        elif key == SURGE_KEY:
            self._surge = msgspec.msgpack.decode(value, type=Surge)
        elif key.startswith(MAPPING_KEY):
            feed, version = decode_version(value)
            self._feeds[feed.name], self._versions[feed.name] = feed, version
        elif key.startswith(MANIFEST_KEY):
            self._manifests.restore(key[len(MANIFEST_KEY) :].decode(), value)
        elif key.startswith(UNMAPPED_KEY):
            self._unmapped.restore(key[len(UNMAPPED_KEY) :].decode(), value)
        elif key == METER_KEY:
            self._meter.restore(value)
        else:
            self._fleet.restore(key, value)

    def restored(self) -> None:
        self._fleet.restored()

    def fold(self, records: Sequence[Record]) -> Commit:
        self._outputs, self._tallies = [], Counter()
        for record in records:
            if record.topic == topics.CARRIER_EVENTS:
                self._fold_carrier_event(record)
            else:
                self._fold_intake(record)
        return self._commit()

    def idle(self, ends: Mapping[str, int]) -> Commit | None:
        """A live source that is read to its end ticks the wall's time; a recorded one waits for its log."""
        now_ms = ends.get(topics.CARRIER_EVENTS)
        if now_ms is None or self._clock.recorded or now_ms < due_ms(self._clock):
            return None
        self._outputs, self._tallies = [], Counter()
        wait(self._clock, now_ms)
        self._tick()
        return self._commit()

    def _commit(self) -> Commit:
        self._count_received()
        changes = self._fleet.take_changes() + self._meter.take_change()
        changes += self._unmapped.take_changes() + self._manifests.take_changes()
        for name in sorted(self._new_versions):
            changes.append((MAPPING_KEY + name.encode(), encode_version(self._versions[name])))
        self._new_versions.clear()
        changes.append((CLOCK_KEY, msgspec.msgpack.encode(self._clock)))
        if self._surge_changed:
            changes.append((SURGE_KEY, msgspec.msgpack.encode(self._surge)))
            self._surge_changed = False
        return Commit(self._outputs, changes, dict(self._tallies))

    def _count_received(self) -> None:
        """What was accepted and what was rejected, once per poll instead of with each record."""
        for (name, *labels), count in list(self._tallies.items()):
            if name in ("accepted", "rejected"):
                self._tallies["received", labels[0]] += count

    def _count_at_work(self, upto_ms: int) -> Mapping[str, int]:
        """Vehicles per feed. By the clock, since records of a slot that has gone by may still come."""
        return self._fleet.count_heard(max(upto_ms, self._clock.at_ms) - AT_WORK_MS)

    def _advance(self, at_ms: int) -> None:
        clock = self._clock
        advance(clock, at_ms)
        if clock.at_ms >= due_ms(clock):
            self._tick()

    def _tick(self) -> None:
        clock = self._clock
        self._outputs += self._meter.close_before(clock.at_ms, self._tallies)
        self._outputs += tick_everyone(clock, self._source, self._partitions)
        self._fleet.forget_unseen(clock.at_ms)
        self._manifests.forget_ended(clock.at_ms)

    def _fold_carrier_event(self, record: Record) -> None:
        headers = dict(record.headers)
        if record.value is None and CLOCK_HEADER in headers and self._take_mark(headers):
            return
        if MAPPING_HEADER in headers:
            self._take_mapping(record, headers[MAPPING_HEADER])
            return
        name = _show(headers.get(FEED_HEADER))
        feed = self._feeds.get(name)
        received_ms = find_received_ms(record, headers)
        if received_ms is not None:
            self._clock.recorded, self._clock.over = RECEIVED_AT_HEADER in headers, False
        counts = Counts() if RENORMALIZED_HEADER in headers else self._meet(feed, received_ms)
        try:
            if received_ms is None:
                raise Rejected(RejectReason.BAD_TIME, f"header {RECEIVED_AT_HEADER} is no time in ms")
            if feed is None:
                known = "missing" if FEED_HEADER not in headers else "not among the feeds we read"
                raise Rejected(RejectReason.UNKNOWN_FEED, f"header {FEED_HEADER} is {known}")
            source = Source(record.topic, record.partition, record.offset)
            reading = feed.read_all(record.value, _received_at(received_ms), source, record.key)
        except Rejected as rejected:
            counts.rejected += 1
            self._reject(record, feed.name if feed else UNKNOWN_FEED, rejected)
        else:
            self._count_accepted(record, name)
            for nothing, _ in reading.nothings:
                self._tallies["nothing", name, nothing.value] += 1
            if reading.scans:
                self._tallies["scans", name] += len(reading.scans)
            for scan in reading.scans:
                self._accept(scan, name, received_ms, counts)
        if received_ms is not None:
            self._advance(received_ms)

    def _take_mark(self, headers: Mapping[str, bytes | None]) -> bool:
        """Whether the record is a clock mark of a recording; then all of it is done."""
        marked_ms = _find_ms(headers[CLOCK_HEADER])
        if marked_ms is None:
            return False
        self._clock.recorded, self._clock.over = True, OVER_HEADER in headers
        self._tallies["clock_marks",] += 1
        self._advance(marked_ms)
        return True

    def _take_mapping(self, record: Record, header: bytes | None) -> None:
        """A new version of a feed's mapping, in force from here on; an older one changes nothing."""
        try:
            feed, version = read_version(header, record.value)
        except Rejected as rejected:
            self._reject(record, UNKNOWN_FEED, rejected)
            return
        self._tallies["mappings",] += 1
        before = self._versions.get(feed.name)
        if before is not None and version.number <= before.number:
            return
        self._feeds[feed.name], self._versions[feed.name] = feed, version
        self._new_versions.add(feed.name)
        self._unmapped.forget(feed.name, feed.knows)

    def _meet(self, feed: Feed | None, received_ms: int | None) -> Counts:
        """Where this record of a feed is counted; what is of no feed or of no time is counted nowhere."""
        if feed is None or received_ms is None:
            return Counts()
        self._outputs += self._meter.close_before(received_ms // SLOT_MS * SLOT_MS, self._tallies)
        return self._meter.heard(feed.name, feed.carrier, feed.tenant, received_ms)

    def _accept(self, scan: Scan, feed: str, received_ms: int, counts: Counts) -> None:
        unmapped = scan.milestone is Milestone.UNMAPPED
        if unmapped:
            self._tallies["unmapped", feed] += 1
            code = self._unmapped.count(feed, scan, received_ms)
            self._tallies["unmapped_codes", feed, code] += 1
        occurred_ms = epoch_ms_of(scan.occurred_at)
        ahead_ms = occurred_ms - received_ms
        count_scan(counts, ahead_ms, unmapped=unmapped)
        if scan.shipment_ids or scan.vehicle_id is None:
            scan.clock_skew_s = skew_s(ahead_ms)
        else:
            self._see_vehicle(scan, feed, occurred_ms, received_ms, counts)
        if scan.shipment_ids:
            self._outputs.append(Out(topics.SHIPMENT_EVENTS, scan.shipment_ids[0].encode(), encode(scan)))
        elif scan.route_id is not None:
            self._outputs.append(Out(topics.ROUTE_EVENTS, scan.route_id.encode(), encode(scan)))

    def _see_vehicle(self, scan: Scan, feed: str, occurred_ms: int, received_ms: int, counts: Counts) -> None:
        """What the vehicle tells of itself: its clock, its order, and that it left its route."""
        assert scan.vehicle_id is not None, "whoever asks has looked"
        now_ms = max(self._clock.at_ms, received_ms)
        vehicle = self._fleet.see(feed, scan.vehicle_id, now_ms)
        scan.clock_skew_s = measure_skew_s(vehicle, occurred_ms - received_ms, now_ms)
        if occurred_ms > vehicle.told_ms:
            vehicle.told_ms = occurred_ms
        else:
            counts.duplicates += occurred_ms == vehicle.told_ms
            counts.disordered += occurred_ms < vehicle.told_ms
        if scan.place is None or scan.place.lat is None:
            return
        if moved := follow(vehicle, scan, occurred_ms, now_ms):
            self._outputs.append(Out(topics.ROUTE_EVENTS, moved.route_id.encode(), encode(moved)))

    def _fold_intake(self, record: Record) -> None:
        received_ms = find_received_ms(record, dict(record.headers))
        source = base.Source(topic=record.topic, partition=record.partition, offset=record.offset)
        try:
            if received_ms is None:
                raise Rejected(RejectReason.BAD_TIME, f"header {RECEIVED_AT_HEADER} is no time in ms")
            outs = self._read_intake(record, instant_of(received_ms), source)
        except Rejected as rejected:
            self._reject(record, record.topic, rejected)
            return
        self._count_accepted(record, record.topic)
        self._outputs += outs

    def _read_intake(self, record: Record, received_at: datetime, source: base.Source) -> list[Out]:
        """What an intake record becomes; a plan also releases what its version no longer carries."""
        if record.topic == topics.COMMANDS and is_for_everybody(record.value):
            return tell_everybody(record.value, received_at, source, self._partitions)
        if record.topic != topics.PLANS:
            return READERS[record.topic](record.value, received_at, source)
        if is_haul_plan(record.value):
            return read_haul_plan(record.value, received_at, source)
        plan = accept_plan(record.value)
        return self._manifests.take(plan, received_at) + tell_plan(plan, received_at, source)

    def _count_accepted(self, record: Record, feed: str) -> None:
        self._tallies["accepted", feed] += 1
        # Nearly always empty, and the call would be one for each record.
        if self._surge.balances and self._surge.accepted(record.topic):
            self._surge_changed = True

    def _reject(self, record: Record, feed: str, rejected: Rejected) -> None:
        self._tallies["rejected", feed, rejected.reason.value] += 1
        self._outputs.append(_write_letter(record, self._partition, rejected))
        if self._rejected_limit:
            self._surge_changed = True
            if self._surge.rejected(record.topic, self._rejected_limit):
                raise _refuse_surge(record, feed, rejected)


def _write_letter(record: Record, partition: int, rejected: Rejected) -> Out:
    """The record as it came, with why and whence; in the partition that it came from.

    A batch that its sender compressed may hold a record that fits nowhere once it is unpacked: its letter
    holds no original, which stays where SOURCE_HEADER says for as long as the letter does.
    """
    where = f"{record.topic}/{record.partition}/{record.offset}"
    ours: Headers = (
        (REASON_HEADER, rejected.reason.value.encode()),
        (DETAIL_HEADER, rejected.detail.encode()),
        (SOURCE_HEADER, where.encode()),
    )
    size = _size_of(record)
    if size > LARGEST_LETTER_BYTES:
        ours = ((OMITTED_HEADER, str(size).encode()), *ours)
        return Out(topics.DEAD_LETTERS, None, None, partition, ours)
    return Out(topics.DEAD_LETTERS, record.key, record.value, partition, (*record.headers, *ours))


def _size_of(record: Record) -> int:
    """Bytes of key, value and headers."""
    headers = sum(len(name) + len(content or b"") for name, content in record.headers)
    return len(record.key or b"") + len(record.value or b"") + headers


def _refuse_surge(record: Record, feed: str, rejected: Rejected) -> Refused:
    return Refused(
        f"nearly everything in {record.topic}/{record.partition} is rejected, at offset {record.offset} "
        f"because of {rejected.reason} (feed {feed}, {rejected.detail}); "
        "stopped before the rest of the topic goes to dead-letters",
        "`controltower dead-letters list` shows what was rejected and why; mend the feed's mapping or the "
        "sender and start the worker again, or raise CONTROLTOWER_REJECTED_LIMIT (0: never stop)",
    )


def find_received_ms(record: Record, headers: Mapping[str, bytes | None]) -> int | None:
    """When the record reached us, or None where its header is no time."""
    stated = headers.get(RECEIVED_AT_HEADER)
    return record.timestamp_ms if stated is None else _find_ms(stated)


def _find_ms(text: bytes | None) -> int | None:
    if not (text and text.isdigit() and len(text) <= _MOST_DIGITS):
        return None
    at_ms = int(text)
    return at_ms if _EARLIEST_MS <= at_ms <= _LATEST_MS else None


#: The broker stamps a batch of records with one time.
_received_at: Final = lru_cache(maxsize=64)(instant_of)


@lru_cache(maxsize=1024)
def _show(header: bytes | None) -> str:
    return (header or b"").decode("ascii", errors="replace")
