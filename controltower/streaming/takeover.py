"""Taking over partitions: fence the former owner, restore the state, find where to go on.

This stands in the place of Faust's recovery and of the group's committed offsets, which only show lag.
All calls block and belong in a thread.

Each partition has a transactional id, and who has taken that id owns the partition. The owner lends all its
partitions to ids that nobody else has, new ones with each assignment, so that they write together; the
position records name them. A successor therefore fences twice: the partition's id, so that no new loan can be
written, then what the last loan names, so that nothing can; then it reads what came in between.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import structlog
from confluent_kafka import Consumer, KafkaException, TopicPartition

from controltower.streaming.broker_clock import BrokerClock
from controltower.streaming.connection import Connection
from controltower.streaming.exits import Refused, RestartMe, StageStopped
from controltower.streaming.kafka_config import reader_config
from controltower.streaming.observer import StreamObserver
from controltower.streaming.positions import (
    Position,
    decode_position,
    encode_position,
    find_position_topic,
    position_key,
)
from controltower.streaming.preflight import FoundTopic, find_topics
from controltower.streaming.quiet_admin import QuietAdmin
from controltower.streaming.restore import (
    REPORT_EVERY_S,
    Changelog,
    ChangelogReader,
    Progress,
    Restoring,
)
from controltower.streaming.resume import Bounds, find_start
from controltower.streaming.stage import Begins, Commit, KeepsElsewhere, PartitionFold, StageSpec
from controltower.streaming.writer import Share, TransactionWriter

log = structlog.get_logger(__name__)

_GIVEN_AT_ONCE = 5000
_PROOF_KEY = b"\x00proof"


@dataclass(slots=True)
class Taken:
    """A partition that is ours: nobody else can write it any more.

    deed: has the partition's own id, which nobody takes unnoticed, and writes nothing but loans.
    """

    deed: TransactionWriter
    fold: PartitionFold
    next_offsets: dict[str, int]
    #: of the inputs and of the changelog
    topic_ids: dict[str, str | None]
    #: the transactional ids of the writers that it is lent to
    lent_to: Sequence[str] = ()

    def positions(self, spec: StageSpec, ends: Mapping[str, int]) -> list[tuple[bytes, bytes]]:
        """The position records of these inputs, as key and value."""
        log_id = self.topic_ids[spec.changelog]
        return [
            (
                position_key(topic),
                encode_position(
                    Position(end, self.topic_ids[topic], spec.changelog_schema, log_id, self.lent_to)
                ),
            )
            for topic, end in ends.items()
        ]


class Told:
    """Tells once a second how many live entries of all partitions have been given to their folds."""

    def __init__(self, logs: Collection[Changelog], progress: Progress) -> None:
        self._progress = progress
        read = sum(log.records for log in logs)
        self._now = Restoring(read, read, 0, sum(len(log.entries) for log in logs))
        self._told_at = time.monotonic()

    def restored(self, entries: int) -> None:
        self._now = replace(self._now, entries=self._now.entries + entries)
        if time.monotonic() - self._told_at > REPORT_EVERY_S:
            self._told_at = time.monotonic()
            self._progress(self._now)


def _give(fold: PartitionFold, changelog: Changelog, name: str, told: Told) -> None:
    """Restore the fold. What it can't read now it can't read after a restart either."""
    key = b""
    try:
        for number, (key, value) in enumerate(changelog.entries.items(), start=1):
            fold.restore(key, value)
            if number % _GIVEN_AT_ONCE == 0:
                told.restored(_GIVEN_AT_ONCE)
        fold.restored()
    except StageStopped:
        raise
    except Exception as failed:
        raise Refused(
            f"{name} cannot be restored, at key {key.decode(errors='replace')}: {failed}",
            "The changelog was written by something else, or this is a defect: report it; "
            "`controltower reset` starts the stage anew.",
        ) from failed


def find_loans(changelogs: Iterable[Changelog]) -> set[str]:
    """The transactional ids under which partitions were written last, besides their own."""
    positions = (
        decode_position(value)
        for changelog in changelogs
        for key, value in changelog.entries.items()
        if find_position_topic(key) is not None
    )
    return {transactional_id for position in positions for transactional_id in position.lent_to}


def proof_of(partition: int) -> Share:
    """What shows that a partition's own id is ours still, and leaves nothing behind: an entry is deleted that
    never was."""
    return Share(partition, Commit(changes=[(_PROOF_KEY, None)]), [])


class TakeOver:
    """Takes partitions over, several at once."""

    def __init__(
        self, connection: Connection, pool: ThreadPoolExecutor, observer: StreamObserver, clock: BrokerClock
    ) -> None:
        self._connection = connection
        self._pool = pool
        self._observer = observer
        self._clock = clock
        self._admin = QuietAdmin(connection.brokers, connection.security)

    def take(
        self, new: Collection[int], kept: Mapping[int, Taken], progress: Progress
    ) -> tuple[dict[int, Taken], list[TransactionWriter]]:
        """Take the new partitions, and lend these and the kept ones to new writers, which are returned too.

        Raises Refused when going on could lose or double records, RestartMe when the broker is away, Fenced
        when another process has taken a partition since.
        """
        started = time.monotonic()
        topics = find_topics(self._connection, self._admin)
        ids = [self._connection.new_transactional_id() for _ in range(self._connection.limits.writers)]
        borrowers = self._pool.map(self._take_id, ids)
        deeds = dict(zip(new, self._pool.map(self._fence, new), strict=True))
        try:
            logs = self._read_logs(deeds, progress)
            bounds = self._bounds(new)
            told = Told(logs.values(), progress)
            taken = {p: self._restore(p, deeds[p], logs[p], bounds[p], topics, told) for p in new}
        except KafkaException as failed:
            raise RestartMe(f"taking over failed: {failed.args[0].str()}") from failed
        writers = list(borrowers)
        self._lend({**kept, **taken}, ids)
        for partition in new:
            entries = len(logs[partition].entries)
            self._observer.restored(
                self._connection.spec.name, partition, entries, time.monotonic() - started
            )
        return taken, writers

    def _fence(self, partition: int) -> TransactionWriter:
        return self._take_id(self._connection.transactional_id(partition))

    def _take_id(self, transactional_id: str) -> TransactionWriter:
        connection = self._connection
        writer = TransactionWriter(
            connection.brokers, connection.security, transactional_id, connection.limits, self._clock
        )
        writer.take_over()
        return writer

    def _read_logs(self, deeds: Mapping[int, TransactionWriter], progress: Progress) -> dict[int, Changelog]:
        """The changelogs as they stay until we write: nobody else can any more."""
        connection = self._connection
        if connection.embedded:  # it neither compacts nor aborts: what it kept is no state to go on from
            return {partition: Changelog() for partition in deeds}
        with ChangelogReader(
            connection.brokers,
            connection.security,
            connection.group,
            connection.spec.changelog,
            deeds,
            stall_s=connection.limits.broker_call_s,
            progress=progress,
        ) as reader:
            loans = find_loans(reader.read().values())
            if loans:
                self._prove(deeds)
                list(self._pool.map(self._take_id, loans))
                reader.read()
            return reader.states

    def _prove(self, deeds: Mapping[int, TransactionWriter]) -> None:
        """Raises Fenced where a newer owner has a deed already: then the loan that was read may be his."""

        def prove(partition: int, deed: TransactionWriter) -> None:
            deed.write_all(self._connection.spec.changelog, [proof_of(partition)])

        list(self._pool.map(prove, deeds.keys(), deeds.values()))

    def _lend(self, partitions: Mapping[int, Taken], transactional_ids: Sequence[str]) -> None:
        """Proves at once that we may write, and tells us the broker's clock before it is needed. From here on
        what a fold has found out stands in the changelog."""

        def lend(partition: int, taken: Taken) -> None:
            spec = self._connection.spec
            taken.lent_to = transactional_ids
            positions = taken.positions(spec, taken.next_offsets)
            found = list(taken.fold.begin()) if isinstance(taken.fold, Begins) else []
            taken.deed.write(Commit(changes=found), spec.changelog, partition, positions)

        list(self._pool.map(lend, partitions.keys(), partitions.values()))

    def _bounds(self, partitions: Collection[int]) -> dict[int, dict[str, Bounds]]:
        """Beginning, end and the group's committed offset of every input partition."""
        timeout_s = self._connection.limits.broker_call_s
        reader = Consumer(
            reader_config(self._connection.brokers, self._connection.security, self._connection.group)
        )
        try:
            wanted = [TopicPartition(t, p) for t in self._connection.spec.inputs for p in partitions]
            found: dict[int, dict[str, Bounds]] = {partition: {} for partition in partitions}
            for committed in reader.committed(wanted, timeout=timeout_s):
                low, high = reader.get_watermark_offsets(committed, timeout=timeout_s)
                found[committed.partition][committed.topic] = Bounds(low, high, max(committed.offset, 0))
            return found
        finally:
            reader.close()

    def _restore(
        self,
        partition: int,
        deed: TransactionWriter,
        changelog: Changelog,
        bounds: Mapping[str, Bounds],
        topics: Mapping[str, FoundTopic],
        told: Told,
    ) -> Taken:
        spec = self._connection.spec
        stored = self._split_positions(changelog)
        names = [*spec.inputs, spec.changelog]
        topic_ids = {name: topics[name].topic_id if name in topics else None for name in names}
        starts = {
            topic: find_start(
                self._connection,
                topic,
                partition,
                stored.get(topic),
                bounds[topic],
                topic_ids[topic],
                topic_ids[spec.changelog],
            )
            for topic in spec.inputs
        }
        fold = spec.make_fold(partition, len(self._all_partitions(topics)))
        _give(fold, changelog, f"{spec.changelog}/{partition}", told)
        if isinstance(fold, KeepsElsewhere):
            earlier = fold.start_from(starts)
            starts = {topic: max(earlier[topic], bounds[topic].beginning) for topic in starts}
        return Taken(deed, fold, starts, topic_ids)

    def _all_partitions(self, topics: Mapping[str, FoundTopic]) -> range:
        return range(topics[self._connection.spec.inputs[0]].partitions)

    def _split_positions(self, changelog: Changelog) -> dict[str, Position]:
        """The stored positions, taken out of the entries; what is left is the stage's own."""
        stored = {}
        for key in [key for key in changelog.entries if key.startswith(b"\x00")]:
            topic = find_position_topic(key)
            if topic is not None:
                stored[topic] = decode_position(changelog.entries.pop(key))
        return stored
