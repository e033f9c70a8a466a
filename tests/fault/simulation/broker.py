"""A small model of a Kafka broker: logs, transactional producers with epochs, its clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from controltower.streaming.partitioner import partition_of
from controltower.streaming.stage import Headers, Out, Record
from tests.fault.simulation.log import Entry, PartitionLog, Producer


class FencedByBroker(Exception):
    """INVALID_PRODUCER_EPOCH: a newer producer has this transactional.id."""


@dataclass(slots=True)
class Open:
    """A transaction that has begun."""

    number: int
    began_ms: int
    logs: list[PartitionLog] = field(default_factory=list)
    records: list[tuple[PartitionLog, Entry]] = field(default_factory=list)


@dataclass(slots=True)
class Committed:
    """A transaction that was committed, for the judge; a record of a plain producer counts as one."""

    records: Sequence[tuple[PartitionLog, Entry]]
    writer: int


class Broker:
    """All topics have `partitions` partitions. Nothing in it fails: faults are steps of a history."""

    def __init__(self, partitions: int, now_ms: int) -> None:
        self.partitions = partitions
        self.now_ms = now_ms
        self.logs: dict[tuple[str, int], PartitionLog] = {}
        #: what the group committed, which only shows lag
        self.group_offsets: dict[tuple[str, int], int] = {}
        self.commits: list[Committed] = []
        self._epochs: dict[str, int] = {}
        self._open: dict[str, Open] = {}
        self._transactions = 0

    def log(self, topic: str, partition: int) -> PartitionLog:
        place = (topic, partition)
        if place not in self.logs:
            self.logs[place] = PartitionLog(topic, partition)
        return self.logs[place]

    def read(self, topic: str, partition: int, committed: bool = True) -> list[Record]:
        """The whole partition."""
        log = self.log(topic, partition)
        return [log.to_record(entry) for entry in log.visible(committed)]

    def partition_of(self, out: Out) -> int:
        """Where a record goes."""
        return out.partition if out.partition is not None else partition_of(out.key or b"", self.partitions)

    def init_transactions(self, transactional_id: str) -> Producer:
        """A new epoch: what the former producer left open is aborted, and it is fenced."""
        self._end(transactional_id, commit=False)
        epoch = self._epochs[transactional_id] = self._epochs.get(transactional_id, -1) + 1
        return transactional_id, epoch

    def produce(
        self, producer: Producer | None, out: Out, of_partition: int = -1, writer: int = -1
    ) -> tuple[Entry, PartitionLog]:
        """Append one record, in the producer's transaction or (None) plainly. Raises FencedByBroker."""
        log = self.log(out.topic, self.partition_of(out))
        entry = Entry(0, self.now_ms, out.key, out.value, _frozen(out.headers), producer)
        entry.of_partition = of_partition
        if producer is None:
            log.append(entry)
            self.commits.append(Committed([(log, entry)], writer))
            return entry, log
        self._check(producer)
        if producer[0] not in self._open:
            self._transactions += 1
            self._open[producer[0]] = Open(self._transactions, self.now_ms)
        transaction = self._open[producer[0]]
        entry.transaction = transaction.number
        log.append(entry)
        transaction.records.append((log, entry))
        if log not in transaction.logs:
            transaction.logs.append(log)
        return entry, log

    def commit(self, producer: Producer, writer: int = -1) -> None:
        """Raises FencedByBroker."""
        self._check(producer)
        transaction = self._open.get(producer[0])
        if transaction is not None:
            self.commits.append(Committed(transaction.records, writer))
        self._end(producer[0], commit=True)

    def abort(self, producer: Producer) -> None:
        """Raises FencedByBroker."""
        self._check(producer)
        self._end(producer[0], commit=False)

    def expire(self, transactional_id: str) -> bool:
        """transaction.timeout.ms is over: the coordinator aborts and moves the epoch on."""
        if transactional_id not in self._open:
            return False
        self.init_transactions(transactional_id)
        return True

    @property
    def open_ids(self) -> list[str]:
        """The transactional.ids with an open transaction."""
        return sorted(self._open)

    def _check(self, producer: Producer) -> None:
        transactional_id, epoch = producer
        if self._epochs.get(transactional_id) != epoch:
            raise FencedByBroker(transactional_id)

    def _end(self, transactional_id: str, *, commit: bool) -> None:
        transaction = self._open.pop(transactional_id, None)
        if transaction is not None:
            for log in transaction.logs:
                log.end_transaction(transaction.number, self.now_ms, commit)


def _frozen(headers: Headers) -> Headers:
    return tuple(headers)
