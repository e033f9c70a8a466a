"""Takeover and writing on the model broker, in steps between which anything may happen.

Fenced, restored and sought by the same steps as streaming/takeover.py, restore.py and writer.py; splitting
the changelog, `find_start`, restoring the fold and the position's bytes are the product's own code.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Sequence
from typing import TYPE_CHECKING, Any

from controltower.streaming.broker_clock import LOG_APPEND_TIME, BrokerClock
from controltower.streaming.connection import Connection
from controltower.streaming.exits import Fenced, RestartMe
from controltower.streaming.positions import (
    Position,
    find_position_topic,
)
from controltower.streaming.preflight import FoundTopic
from controltower.streaming.restore import Changelog
from controltower.streaming.resume import Bounds
from controltower.streaming.stage import Commit, Out
from controltower.streaming.takeover import Taken, TakeOver, Told
from tests.fault.simulation.broker import FencedByBroker
from tests.fault.simulation.log import Producer

if TYPE_CHECKING:
    from tests.fault.simulation.worker import Worker

Steps = Generator[None, None, Any]
#: records of the changelog that are read before something else may happen
_READ = 4


class SimulatedWriter:
    """As PartitionWriter. Each instance has a number: the newest of a partition is its only right owner."""

    def __init__(self, worker: Worker, partition: int, transactional_id: str, clock: BrokerClock) -> None:
        self._worker, self._world, self._broker = worker, worker.world, worker.world.broker
        self._partition = partition
        self._clock = clock
        if not self._world.mechanisms.fencing:
            transactional_id += f"-{worker.name}"
        self.number = self._world.judge.new_owner(partition)
        self.producer: Producer = self._broker.init_transactions(transactional_id)
        worker.tell(f"fences the former owner of partition {partition} (epoch {self.producer[1]})")

    def write(
        self, commit: Commit, changelog: str, partition: int, positions: Sequence[tuple[bytes, bytes]]
    ) -> Steps:
        """As PartitionWriter.write: raises Fenced or RestartMe, after which this writer is of no use."""
        states = [Out(changelog, key, value, partition) for key, value in commit.changes]
        ends = [Out(changelog, key, value, partition) for key, value in positions]
        mechanisms = self._world.mechanisms
        try:
            if not mechanisms.transaction:
                yield from self._send(None, [*states, *ends, *commit.outputs])
                return
            if not mechanisms.outputs_in_transaction:
                yield from self._send(None, commit.outputs)
                yield from self._transaction([*states, *ends])
            elif not mechanisms.position_in_transaction:
                yield from self._transaction([*commit.outputs, *states])
                yield from self._transaction(ends)
            else:
                yield from self._transaction([*commit.outputs, *states, *ends])
        except FencedByBroker as fenced:
            self._worker.tell(f"is refused by the broker: partition {self._partition} has a new owner")
            raise Fenced(f"{fenced} has a new owner") from fenced

    def _transaction(self, outs: Sequence[Out]) -> Steps:
        yield from self._send(self.producer, outs)
        self._broker.commit(self.producer, self.number)
        self._world.judge.committed(self._partition, self.number)
        self._worker.tell(f"commits {len(outs)} records of partition {self._partition}")
        yield  # the answer may never be heard

    def _send(self, producer: Producer | None, outs: Sequence[Out]) -> Steps:
        for out in outs:
            if self._worker.produce_fails:
                self._worker.produce_fails = False
                if producer is not None:
                    self._broker.abort(producer)
                raise RestartMe("the broker rejected a record")
            entry, _ = self._broker.produce(producer, out, self._partition, self.number)
            if producer is None:
                self._world.judge.committed(self._partition, self.number)
            yield
            if find_position_topic(out.key or b"") is not None:  # a delivery report, as in `_delivered`
                self._clock.appended(LOG_APPEND_TIME, entry.at_ms)


class SimulatedTakeOver(TakeOver):
    """`take` in steps; `_restore` and `_split_positions` are inherited."""

    def __init__(self, connection: Connection, pool: Any, observer: Any, clock: BrokerClock) -> None:
        """`pool` is the simulated process."""
        self._connection, self._observer, self._clock = connection, observer, clock
        self._worker: Worker = pool
        self._broker = pool.world.broker

    def take(self, partitions: Collection[int], progress: Any) -> Any:
        """The steps of TakeOver.take; they return its dict."""
        mechanisms = self._worker.world.mechanisms
        writers: dict[int, SimulatedWriter] = {}
        if mechanisms.fence_before_restore:
            yield from self._fence_all(partitions, writers)
        logs = {}
        for partition in partitions:
            logs[partition] = yield from self._read_log(partition)
        bounds = {partition: self._bounds_of(partition) for partition in partitions}
        yield
        if not mechanisms.fence_before_restore:
            yield from self._fence_all(partitions, writers)
        taken, told = {}, Told(logs.values(), lambda _: None)
        for partition in partitions:
            writer: Any = writers[partition]
            taken[partition] = self._restore(
                partition, writer, logs[partition], bounds[partition], self._topics(), told
            )
            where = ", ".join(f"{t} at {n}" for t, n in taken[partition].next_offsets.items())
            self._worker.tell(
                f"restores partition {partition}: {len(logs[partition].entries)} states, {where}"
            )
            yield from self._tell_positions(partition, taken[partition])
        return taken

    def _fence_all(self, partitions: Collection[int], writers: dict[int, SimulatedWriter]) -> Steps:
        for partition in partitions:
            transactional_id = self._connection.transactional_id(partition)
            writers[partition] = SimulatedWriter(self._worker, partition, transactional_id, self._clock)
            yield

    def _read_log(self, partition: int) -> Generator[None, None, Changelog]:
        """As read_changelog: to the last stable offset, a few records at a time."""
        mechanisms = self._worker.world.mechanisms
        log = self._broker.log(self._connection.spec.changelog, partition)
        state, at = Changelog(), 0
        while True:
            fetched = log.fetch(at, _READ, mechanisms.restore_reads_committed)
            for record in fetched.records:
                state.take(record.key, record.value)
            if fetched.next_offset <= at:
                break
            at = fetched.next_offset
            yield
        if not mechanisms.restore:
            state.entries = {k: v for k, v in state.entries.items() if find_position_topic(k) is not None}
        return state

    def _bounds_of(self, partition: int) -> dict[str, Bounds]:
        """As _bounds. Nothing is deleted from the inputs of the model, so they begin at 0."""
        return {
            topic: Bounds(
                0,
                self._broker.log(topic, partition).end,
                self._broker.group_offsets.get((topic, partition), 0),
            )
            for topic in self._connection.spec.inputs
        }

    def _split_positions(self, changelog: Changelog) -> dict[str, Position]:
        stored = super()._split_positions(changelog)
        if self._worker.world.mechanisms.position_from_changelog:
            return stored
        return {
            topic: Position(
                self._broker.group_offsets.get((topic, self._taking), 0), position.topic_id, position.schema
            )
            for topic, position in stored.items()
        }

    def _restore(self, partition: int, *args: Any) -> Taken:
        self._taking = partition
        return super()._restore(partition, *args)

    def _topics(self) -> dict[str, FoundTopic]:
        partitions = self._broker.partitions
        inputs = self._connection.spec.inputs
        return {topic: FoundTopic(topic, partitions, f"id-of-{topic}") for topic in inputs}

    def _write_positions(self, partition: int, taken: Taken) -> None:
        """Part of `take` here, since it can be interrupted."""

    def _tell_positions(self, partition: int, taken: Taken) -> Steps:
        """The transaction of TakeOver._write_positions."""
        spec = self._connection.spec
        positions = taken.positions(spec, taken.next_offsets)
        writer: Any = taken.writer
        yield from writer.write(Commit(), spec.changelog, partition, positions)
