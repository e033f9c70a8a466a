"""One partition of a topic as Kafka keeps it: offsets with holes, open transactions, compaction."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from controltower.streaming.stage import Headers, Record

Producer = tuple[str, int]  # (transactional.id, epoch)


@dataclass(slots=True)
class Entry:
    """A record, or the control record that ends a transaction (`control`)."""

    offset: int
    at_ms: int
    key: bytes | None = None
    value: bytes | None = None
    headers: Headers = ()
    producer: Producer | None = None
    #: a number per transaction, None: written by a plain producer
    transaction: int | None = None
    control: bool = False
    #: the input partition number the writer worked for; the judge's knowledge, not Kafka's
    of_partition: int = -1


@dataclass(slots=True)
class Fetched:
    """`next_offset` is the consumer's position afterwards: behind records, control records and holes."""

    records: list[Record]
    next_offset: int
    #: the high watermark that came with the answer
    end: int
    #: the last stable offset that came with it
    stable_end: int


@dataclass(slots=True)
class PartitionLog:
    """Appends are in order; a transaction that is open here holds back everything behind its first record."""

    topic: str
    partition: int
    entries: list[Entry] = field(default_factory=list)
    end: int = 0
    _open: dict[int, int] = field(default_factory=dict)
    _aborted: set[int] = field(default_factory=set)

    def append(self, entry: Entry) -> int:
        entry.offset = self.end
        self.entries.append(entry)
        self.end += 1
        if entry.transaction is not None and not entry.control:
            self._open.setdefault(entry.transaction, entry.offset)
        return entry.offset

    def end_transaction(self, transaction: int, at_ms: int, committed: bool) -> None:
        """Write the control record; nothing where the transaction has no record here."""
        if self._open.pop(transaction, None) is None:
            return
        if not committed:
            self._aborted.add(transaction)
        self.append(Entry(0, at_ms, transaction=transaction, control=True))

    @property
    def stable_end(self) -> int:
        """The last stable offset: a read_committed reader sees nothing from here on."""
        return min(self._open.values(), default=self.end)

    def visible(self, committed: bool) -> Iterator[Entry]:
        """Records a reader sees, in order of offset."""
        stable = self.stable_end
        for entry in self.entries:
            if entry.control:
                continue
            if committed and (entry.offset >= stable or entry.transaction in self._aborted):
                continue
            yield entry

    def fetch(self, start: int, limit: int, committed: bool = True) -> Fetched:
        """At most `limit` records from `start` on. The position also passes what is not to be seen."""
        end = self.stable_end if committed else self.end
        found: list[Record] = []
        for entry in self.entries[self._index(start) :]:
            if entry.offset >= end:
                break
            if entry.control or (committed and entry.transaction in self._aborted):
                continue
            if len(found) == limit:
                return Fetched(found, found[-1].offset + 1, self.end, self.stable_end)
            found.append(self.to_record(entry))
        return Fetched(found, max(start, end), self.end, self.stable_end)

    def _index(self, start: int) -> int:
        low, high = 0, len(self.entries)
        while low < high:
            middle = (low + high) // 2
            if self.entries[middle].offset < start:
                low = middle + 1
            else:
                high = middle
        return low

    def to_record(self, entry: Entry) -> Record:
        return Record(
            self.topic, self.partition, entry.offset, entry.at_ms, entry.key, entry.value, entry.headers
        )

    def compact(self, upto: int, *, drop_tombstones: bool) -> int:
        """Keep the last committed record of each key below `upto`; returns how many entries went.

        Aborted and control records go too. Tombstones go only once nobody can be reading what they delete.
        """
        upto = min(upto, self.stable_end)
        last = {e.key: e.offset for e in self.visible(committed=True) if e.offset < upto}
        before = len(self.entries)
        self.entries = [e for e in self.entries if e.offset >= upto or _stays(e, last, drop_tombstones)]
        return before - len(self.entries)


def _stays(entry: Entry, last: dict[bytes | None, int], drop_tombstones: bool) -> bool:
    if entry.control or last.get(entry.key) != entry.offset:
        return False
    return entry.value is not None or not drop_tombstones
