"""Which stored records a new version of a mapping reads differently, to be appended to the intake anew."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

from msgspec.structs import replace

from controltower.clock import instant_of
from controltower.feeds.fold import find_received_ms
from controltower.feeds.registry import Feed
from controltower.feeds.rejection import Rejected
from controltower.feeds.versions import MAPPING_HEADER, read_version
from controltower.intake import FEED_HEADER, RECEIVED_AT_HEADER, RENORMALIZED_HEADER
from controltower.streaming.stage import Out, Record
from schemas.topics import CARRIER_EVENTS
from schemas.wire import Scan, Source


class Renormalizing:
    """Goes through carrier-events, each partition in its order.

    `first` is the mapping that was in force before the first version in the log, `now` the one that is in
    force at the end. A record is chosen when both mappings do not make the same scans of it: the same
    scan_id then comes with the higher revision of the new version. A record whose copy already stands where
    it was read so is passed over, so that a second run appends nothing.
    """

    def __init__(self, first: Feed, now: Feed) -> None:
        self._first, self._now = first, now
        self._in_force: dict[int, Feed] = {}
        self._latest_ms: dict[int, int] = {}
        self.counts: Counter[str] = Counter()

    def choose(self, records: Iterable[Record]) -> list[Record]:
        """The records to be appended anew, with all that `copy` needs noted."""
        chosen: dict[bytes, Record] = {}
        for record in records:
            headers = dict(record.headers)
            received_ms = find_received_ms(record, headers)
            if RECEIVED_AT_HEADER in headers and received_ms is not None:
                latest = self._latest_ms.get(record.partition, 0)
                self._latest_ms[record.partition] = max(latest, received_ms)
            if MAPPING_HEADER in headers:
                self._take_version(record, headers[MAPPING_HEADER])
            elif headers.get(FEED_HEADER) == self._now.name.encode():
                original = headers.get(RENORMALIZED_HEADER)
                self.counts["read"] += original is None
                differs = received_ms is not None and self._differs(record, received_ms)
                if original is None and differs:
                    chosen[_where(record)] = record
                elif original is not None and not differs:
                    chosen.pop(original, None)
        self.counts["chosen"] = len(chosen)
        return list(chosen.values())

    def _take_version(self, record: Record, header: bytes | None) -> None:
        try:
            feed, _ = read_version(header, record.value)
        except Rejected:
            return
        if feed.name == self._now.name:
            self._in_force[record.partition] = feed

    def _differs(self, record: Record, received_ms: int) -> bool:
        before = self._in_force.get(record.partition, self._first)
        return _scans(before, record, received_ms) != _scans(self._now, record, received_ms)

    def copy(self, record: Record) -> Out:
        """The record anew, in its partition. One of a recorded day comes at the end of what was recorded."""
        latest = self._latest_ms.get(record.partition)
        headers = [(name, value) for name, value in record.headers if name != RECEIVED_AT_HEADER]
        if latest is not None and RECEIVED_AT_HEADER in dict(record.headers):
            headers.append((RECEIVED_AT_HEADER, str(latest).encode()))
        headers.append((RENORMALIZED_HEADER, _where(record)))
        return Out(CARRIER_EVENTS, record.key, record.value, record.partition, tuple(headers))


def _where(record: Record) -> bytes:
    return f"{record.topic}/{record.partition}/{record.offset}".encode()


#: What tells a scan of one mapping from that of another apart from its revision.
_Made = list[Scan] | str
_REVISION: Final = 1


def _scans(feed: Feed, record: Record, received_ms: int) -> _Made:
    source = Source(record.topic, record.partition, record.offset)
    try:
        scans = feed.read(record.value, instant_of(received_ms), source, record.key)
    except Rejected as rejected:
        return rejected.reason
    return [replace(scan, revision=_REVISION) for scan in scans]
