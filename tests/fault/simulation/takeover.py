"""Takeover and writing on the model broker, in steps between which anything may happen.

Fenced, restored and sought by the same steps as streaming/takeover.py, restore.py and writer.py; finding
loans, splitting the changelog, `find_start`, restoring the fold and the bytes of positions are the product's
own code.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Mapping, Sequence
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
from controltower.streaming.takeover import Taken, TakeOver, Told, find_loans, proof_of
from controltower.streaming.writer import Share
from tests.fault.simulation.broker import FencedByBroker
from tests.fault.simulation.log import Producer

if TYPE_CHECKING:
    from tests.fault.simulation.worker import Worker

Steps = Generator[None, None, Any]
#: a record, and the partition that its writer works for
Owned = tuple[int, Out]
#: records of the changelog that are read before something else may happen
_READ = 4


class SimulatedWriter:
    """As TransactionWriter. `owners`: partition -> the number under which it was taken over; the newest of a
    partition is its only right owner."""

    def __init__(self, worker: Worker, transactional_id: str, clock: BrokerClock) -> None:
        self._worker, self._world, self._broker = worker, worker.world, worker.world.broker
        self._clock = clock
        self.transactional_id = transactional_id
        self.owners: dict[int, int] = {}
        self.producer: Producer = self._broker.init_transactions(transactional_id)

    def write_all(self, changelog: str, shares: Sequence[Share]) -> Steps:
        """As that of TransactionWriter: raises Fenced or RestartMe, and then this writer is of no use."""
        of = [(share.partition, share) for share in shares]
        outputs = [(p, out) for p, share in of for out in share.commit.outputs]
        states = [(p, Out(changelog, *change, p)) for p, share in of for change in share.commit.changes]
        ends = [(p, Out(changelog, *position, p)) for p, share in of for position in share.positions]
        mechanisms = self._world.mechanisms
        try:
            if not mechanisms.transaction:
                yield from self._send(None, [*states, *ends, *outputs])
                return
            if not mechanisms.outputs_in_transaction:
                yield from self._send(None, outputs)
                yield from self._transaction([*states, *ends])
            elif not mechanisms.position_in_transaction:
                yield from self._transaction([*outputs, *states])
                yield from self._transaction(ends)
            else:
                yield from self._transaction([*outputs, *states, *ends])
        except FencedByBroker as fenced:
            self._worker.tell(f"is refused by the broker: partition {shares[0].partition} has a new owner")
            raise Fenced(f"{fenced} has a new owner") from fenced

    def _transaction(self, outs: Sequence[Owned]) -> Steps:
        yield from self._send(self.producer, outs)
        partitions = sorted({partition for partition, _ in outs})
        self._broker.commit(self.producer)
        for partition in partitions:
            self._world.judge.committed(partition, self.owners[partition])
        self._worker.tell(f"commits {len(outs)} records of partitions {partitions}")
        yield  # the answer may never be heard

    def _send(self, producer: Producer | None, outs: Sequence[Owned]) -> Steps:
        for partition, out in outs:
            if self._worker.produce_fails:
                self._worker.produce_fails = False
                if producer is not None:
                    self._broker.abort(producer)
                raise RestartMe("the broker rejected a record")
            entry, _ = self._broker.produce(producer, out, partition, self.owners[partition])
            if producer is None:
                self._world.judge.committed(partition, self.owners[partition])
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
        self._loans = 0

    def take(self, new: Collection[int], kept: Mapping[int, Taken], progress: Any) -> Any:
        """The steps of TakeOver.take; they return what it does."""
        mechanisms = self._worker.world.mechanisms
        ids = [self._new_id() for _ in range(self._connection.limits.writers)]
        writers = [SimulatedWriter(self._worker, name, self._clock) for name in ids]
        deeds: dict[int, SimulatedWriter] = {}
        if mechanisms.fence_before_restore:
            yield from self._fence_all(new, deeds)
        logs = {}
        for partition in new:
            logs[partition] = yield from self._read_log(partition)
        loans = sorted(find_loans(logs.values()))
        if loans and mechanisms.fencing and mechanisms.loans_are_fenced:
            for partition, deed in deeds.items():
                yield from deed.write_all(self._connection.spec.changelog, [proof_of(partition)])
            for loan in loans:
                self._broker.init_transactions(loan)
                self._worker.tell(f"fences the former owner, who wrote as {loan}")
                yield
            self._own(deeds)
            if mechanisms.read_on_behind_loans:
                for partition in new:
                    logs[partition] = yield from self._read_log(partition)
        bounds = {partition: self._bounds_of(partition) for partition in new}
        yield
        if not mechanisms.fence_before_restore:
            yield from self._fence_all(new, deeds)
        self._own(deeds)
        taken, told = {}, Told(logs.values(), lambda _: None)
        for partition in new:
            deed_of_it: Any = deeds[partition]
            taken[partition] = self._restore(
                partition, deed_of_it, logs[partition], bounds[partition], self._topics(), told
            )
            where = ", ".join(f"{t} at {n}" for t, n in taken[partition].next_offsets.items())
            self._worker.tell(
                f"restores partition {partition}: {len(logs[partition].entries)} states, {where}"
            )
        for partition, ours in {**kept, **taken}.items():
            yield from self._lend_one(partition, ours, writers)
        return taken, writers

    def _own(self, deeds: Mapping[int, SimulatedWriter]) -> None:
        """From here on nobody who had a partition before may write it."""
        for partition, deed in deeds.items():
            self._worker.world.judge.owned(partition, deed.owners[partition])

    def _new_id(self) -> str:
        """As Connection.new_transactional_id, the same in each run."""
        world = self._worker.world
        world.ids_given += 1
        return f"{self._connection.group}-all-{world.ids_given}"

    def _fence_all(self, partitions: Collection[int], deeds: dict[int, SimulatedWriter]) -> Steps:
        world = self._worker.world
        for partition in partitions:
            transactional_id = self._connection.transactional_id(partition)
            if not world.mechanisms.fencing:
                transactional_id += f"-{self._worker.name}"
            deed = deeds[partition] = SimulatedWriter(self._worker, transactional_id, self._clock)
            deed.owners[partition] = world.judge.new_owner()
            self._worker.tell(f"fences the former owner of partition {partition} (epoch {deed.producer[1]})")
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

    def _lend_one(self, partition: int, taken: Taken, writers: Sequence[SimulatedWriter]) -> Steps:
        """The transaction of TakeOver._lend."""
        deed: Any = taken.deed
        for writer in writers:
            writer.owners[partition] = deed.owners[partition]
        taken.lent_to = [writer.transactional_id for writer in writers]
        spec = self._connection.spec
        positions = taken.positions(spec, taken.next_offsets)
        yield from deed.write_all(spec.changelog, [Share(partition, Commit(), positions)])
