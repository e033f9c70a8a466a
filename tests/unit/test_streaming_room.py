"""Owned partitions: they tell the consumer of room only where there was none, since telling wakes another
thread; and what several fold in threads is one transaction."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from controltower.streaming.broker_clock import BrokerClock
from controltower.streaming.connection import Connection
from controltower.streaming.edge import ReadEnd, TopicPartition
from controltower.streaming.exits import StageStopped
from controltower.streaming.observer import NullObserver
from controltower.streaming.partition import OwnedPartition
from controltower.streaming.poll import Poll
from controltower.streaming.stage import Commit, PartitionFold, Record, StageSpec
from controltower.streaming.takeover import Taken
from controltower.streaming.transactions import Transactions
from controltower.streaming.writer import Share

INPUT = "events"
LABEL = 1


class Nothing:
    """A fold that writes nothing."""

    def restore(self, key: bytes, value: bytes) -> None: ...
    def restored(self) -> None: ...

    def fold(self, records: Sequence[Record]) -> Commit:
        return Commit()

    def idle(self, ends: Mapping[str, int]) -> Commit | None:
        return None


class Slow(Nothing):
    """... and is done when it may."""

    def __init__(self) -> None:
        self.may_end = threading.Event()

    def fold(self, records: Sequence[Record]) -> Commit:
        assert self.may_end.wait(10)
        return Commit()


class HeldWriter:
    """Confirms nothing before it may; remembers which partitions were written together."""

    def __init__(self) -> None:
        self.may_write = threading.Event()
        self.together: list[list[int]] = []

    def write_all(self, _changelog: str, shares: Sequence[Share]) -> None:
        self.together.append([share.partition for share in shares])
        assert self.may_write.wait(10)


class Noted(Transactions):
    """Tells that a share was handed in."""

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self.handed_in = asyncio.Event()

    async def write(self, share: Share, records: int) -> None:
        self.handed_in.set()
        await super().write(share, records)


class Edge:
    """Counts how often it is told of room."""

    def __init__(self) -> None:
        self.told = 0

    async def seek(self, offsets: Mapping[TopicPartition, int]) -> int:
        return LABEL

    async def read_ends(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, ReadEnd]:
        return {}

    async def show_lag(self, offsets: Mapping[TopicPartition, int]) -> None: ...

    def find_end(self, partition: TopicPartition) -> int | None:
        return None

    def room_changed(self) -> None:
        self.told += 1


def _poll(start: int, partition: int = 0) -> Poll:
    return Poll(INPUT, partition, LABEL, start, start + 1, [Record(INPUT, partition, start, 0, None, None)])


def _owned(
    number: int,
    fold: PartitionFold,
    spec: StageSpec,
    edge: Edge,
    pool: ThreadPoolExecutor,
    failures: list[StageStopped],
) -> OwnedPartition:
    return OwnedPartition(
        number,
        Taken(HeldWriter(), fold, {INPUT: 0}, {INPUT: None, "log": None}),  # type: ignore[arg-type]
        connection=Connection(spec, "127.0.0.1:1", "test"),
        edge=edge,
        pool=pool,
        observer=NullObserver(),
        clock=BrokerClock(),
        fail=failures.append,
    )


@pytest.mark.parametrize(("polls", "told"), [(1, 0), (2, 1)])
def test_room_is_told_where_there_was_none(polls: int, told: int) -> None:
    """Two polls in flight are the limit: only then does a fetch leave the partition out."""
    edge, writer = Edge(), HeldWriter()
    failures: list[StageStopped] = []
    spec = StageSpec("toy", (INPUT,), "log", lambda partition, partitions: Nothing(), idles=False)

    async def scenario(pool: ThreadPoolExecutor) -> None:
        owned = _owned(0, Nothing(), spec, edge, pool, failures)
        owned.transactions = Transactions(spec, [writer], pool, NullObserver())  # type: ignore[arg-type]
        owned.start(LABEL)
        for start in range(polls):
            owned.fetched(_poll(start))
            owned.accept(_poll(start))
        writer.may_write.set()
        async with asyncio.timeout(10):
            while owned.in_flight.total() and not failures:
                await asyncio.sleep(0)
        await owned.drain(10)

    with ThreadPoolExecutor(1) as pool:
        asyncio.run(scenario(pool))
    assert (failures, edge.told) == ([], told)


def test_what_partitions_fold_in_threads_is_one_transaction(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first that is done waits for the others."""
    monkeypatch.setattr("controltower.streaming.transactions.COMPANY_S", 60)
    writer, failures, slow = HeldWriter(), list[StageStopped](), Slow()
    writer.may_write.set()
    spec = StageSpec(
        "toy", (INPUT,), "log", lambda partition, partitions: Nothing(), blocking=True, idles=False
    )

    async def scenario(pool: ThreadPoolExecutor, writing: ThreadPoolExecutor) -> None:
        transactions = Noted(spec, [writer], writing, NullObserver())  # type: ignore[arg-type]
        both = [_owned(n, fold, spec, Edge(), pool, failures) for n, fold in enumerate((Nothing(), slow))]
        for owned in both:
            owned.transactions = transactions
            owned.start(LABEL)
            owned.fetched(_poll(0, owned.number))
            owned.accept(_poll(0, owned.number))
        async with asyncio.timeout(10):
            await transactions.handed_in.wait()
            slow.may_end.set()
            while any(owned.in_flight.total() for owned in both) and not failures:
                await asyncio.sleep(0)
        for owned in both:
            await owned.drain(10)

    with ThreadPoolExecutor(2) as pool, ThreadPoolExecutor(1) as writing:
        asyncio.run(scenario(pool, writing))
    assert (failures, [sorted(numbers) for numbers in writer.together]) == ([], [[0, 1]])
