"""A partition tells the consumer of room only where there was none: telling wakes another thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from controltower.streaming.broker_clock import BrokerClock
from controltower.streaming.connection import Connection
from controltower.streaming.edge import ReadEnd, TopicPartition
from controltower.streaming.exits import StageStopped
from controltower.streaming.observer import NullObserver
from controltower.streaming.partition import OwnedPartition
from controltower.streaming.poll import Poll
from controltower.streaming.stage import Commit, Record, StageSpec
from controltower.streaming.takeover import Taken
from controltower.streaming.transactions import Transactions

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


class HeldWriter:
    """Confirms nothing before it may."""

    def __init__(self) -> None:
        self.may_write = threading.Event()

    def write_all(self, *_: object) -> None:
        assert self.may_write.wait(10)


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


def _poll(start: int) -> Poll:
    return Poll(INPUT, 0, LABEL, start, start + 1, [Record(INPUT, 0, start, 0, None, None)])


@pytest.mark.parametrize(("polls", "told"), [(1, 0), (2, 1)])
def test_room_is_told_where_there_was_none(polls: int, told: int) -> None:
    """Two polls in flight are the limit: only then does a fetch leave the partition out."""
    edge, writer = Edge(), HeldWriter()
    failures: list[StageStopped] = []
    spec = StageSpec("toy", (INPUT,), "log", lambda partition, partitions: Nothing(), idles=False)

    async def scenario(pool: ThreadPoolExecutor) -> None:
        owned = OwnedPartition(
            0,
            Taken(writer, Nothing(), {INPUT: 0}, {INPUT: None, "log": None}),  # type: ignore[arg-type]
            connection=Connection(spec, "127.0.0.1:1", "test"),
            edge=edge,
            pool=pool,
            observer=NullObserver(),
            clock=BrokerClock(),
            fail=failures.append,
        )
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
