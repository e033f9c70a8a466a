"""What a process keeps over a rebalance, and what it takes anew."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest

from controltower.streaming.connection import Connection
from controltower.streaming.edge import ReadEnd, TopicPartition
from controltower.streaming.exits import StageStopped
from controltower.streaming.limits import StreamLimits
from controltower.streaming.observer import NullObserver
from controltower.streaming.ownership import Ownership
from controltower.streaming.poll import Poll
from controltower.streaming.restore import Progress
from controltower.streaming.stage import Record, StageSpec
from controltower.streaming.takeover import Taken
from controltower.streaming.writer import TransactionWriter
from tests.unit.roads import new_fold

INPUT = "route-events"


class Asked:
    """A takeover that succeeds, and remembers which partitions were new and which were kept."""

    def __init__(self) -> None:
        self.asked: list[tuple[list[int], list[int]]] = []

    def take(
        self, new: Collection[int], kept: Mapping[int, Taken], progress: Progress
    ) -> tuple[dict[int, Taken], list[TransactionWriter]]:
        self.asked.append((sorted(new), sorted(kept)))
        topic_ids = {INPUT: None, "log": None}
        taken = {n: Taken(None, new_fold(), {INPUT: 0}, topic_ids) for n in new}  # type: ignore[arg-type]
        return taken, []


class Edge:
    """Goes wherever it is sent."""

    async def seek(self, offsets: Mapping[TopicPartition, int]) -> int:
        return 1

    async def read_ends(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, ReadEnd]:
        return {}

    async def show_lag(self, offsets: Mapping[TopicPartition, int]) -> None: ...

    def find_end(self, partition: TopicPartition) -> int | None:
        return None

    def room_changed(self) -> None: ...


def owning(
    limits: StreamLimits, take_over: Asked, pool: ThreadPoolExecutor, failures: list[StageStopped]
) -> Ownership:
    """An ownership of what `take_over` gives it."""
    spec = StageSpec("track", (INPUT,), "log", lambda partition, partitions: new_fold(), idles=False)
    connection = Connection(spec, "127.0.0.1:1", "test", limits=limits)
    ownership = Ownership(connection, pool, NullObserver(), failures.append)
    ownership._take_over = take_over  # type: ignore[assignment]
    ownership.connect(Edge())
    return ownership


def assigned(
    limits: StreamLimits, *assignments: tuple[int, Collection[int]]
) -> list[tuple[list[int], list[int]]]:
    """What is asked of the takeover for these assignments: generation and partitions."""
    failures: list[StageStopped] = []
    take_over = Asked()

    async def scenario() -> None:
        with ThreadPoolExecutor(1) as pool:
            ownership = owning(limits, take_over, pool, failures)
            for generation, numbers in assignments:
                await ownership.revoke()
                ownership.assign([TopicPartition(INPUT, number) for number in numbers], generation)
                await asyncio.gather(*ownership._tasks)
            await ownership.stop()

    asyncio.run(scenario())
    assert not failures
    return take_over.asked


def test_what_is_kept_is_lent_anew() -> None:
    """A successor of one partition fences the writers of all: with each assignment there are new ones."""
    asked = assigned(StreamLimits(), (1, [0, 1]), (2, [1, 2]), (3, [1, 2]))
    assert asked == [([0, 1], []), ([2], [1]), ([], [1, 2])]


def test_after_a_missed_generation_nothing_is_kept() -> None:
    """Somebody else may have had it meanwhile."""
    assert assigned(StreamLimits(), (1, [0]), (3, [0])) == [([0], []), ([0], [])]


@pytest.mark.parametrize(("lasts_s", "kept"), [(3600.0, [0]), (-1.0, [])])
def test_a_deed_that_the_broker_may_have_forgotten_is_taken_anew(lasts_s: float, kept: list[int]) -> None:
    """Else a rebalance after a quiet week would look as if another process had taken the partition."""
    asked = assigned(StreamLimits(deed_lasts_s=lasts_s), (1, [0]), (2, [0]))
    assert asked[1][1] == kept


def test_what_still_writes_is_not_lent_anew() -> None:
    """A transaction that outlives the drain ends the process; until it does, an assignment must not put the
    positions of before behind it, which a successor would go on from."""
    failures: list[StageStopped] = []
    take_over = Asked()

    async def scenario() -> None:
        with ThreadPoolExecutor(1) as pool:
            ownership = owning(StreamLimits(drain_s=0.01), take_over, pool, failures)
            ownership.assign([TopicPartition(INPUT, 0)], 1)
            await asyncio.gather(*ownership._tasks)
            poll = Poll(INPUT, 0, 1, 0, 1, [Record(INPUT, 0, 0, 0, None, None)])
            ownership.fetched(poll)
            ownership.accept(poll)  # without a writer it is never committed
            async with asyncio.timeout(10):
                while ownership._held[0]._waiting:
                    await asyncio.sleep(0)
            await ownership.revoke()
            ownership.assign([TopicPartition(INPUT, 0)], 2)
            await asyncio.gather(*ownership._tasks)

    asyncio.run(scenario())
    assert [str(failure) for failure in failures] == [
        "the transaction of partition 0 did not end within 0 s"
    ] * 2
    assert take_over.asked == [([0], [])]


def test_without_partitions_nothing_is_asked_of_the_broker() -> None:
    """A worker beyond the number of partitions only stands by."""
    assert assigned(StreamLimits(), (1, [])) == []
