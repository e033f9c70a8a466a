"""A takeover that a newer generation overtakes is nobody's fault; one in the current generation is."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest

from controltower.streaming.connection import Connection
from controltower.streaming.edge import TopicPartition
from controltower.streaming.exits import Fenced, StageStopped
from controltower.streaming.observer import NullObserver
from controltower.streaming.ownership import Ownership
from controltower.streaming.restore import Progress
from controltower.streaming.stage import StageSpec
from controltower.streaming.takeover import Taken
from controltower.streaming.writer import TransactionWriter
from tests.unit.roads import new_fold

INPUT = "route-events"


class FencedTakeOver:
    """Waits for the rebalance it is told about, then finds that another process owns the partition."""

    def __init__(self) -> None:
        self.began, self.may_go_on = threading.Event(), threading.Event()

    def take(
        self, new: Collection[int], kept: Mapping[int, Taken], progress: Progress
    ) -> tuple[dict[int, Taken], list[TransactionWriter]]:
        self.began.set()
        assert self.may_go_on.wait(10)
        raise Fenced("partition 0 has a new owner")


@pytest.mark.parametrize(("rebalances", "ends"), [(True, False), (False, True)])
def test_a_fence_ends_the_process_only_in_its_own_generation(rebalances: bool, ends: bool) -> None:
    """Two workers that start one after the other must not end each other while they restore."""
    failures: list[StageStopped] = []
    take_over = FencedTakeOver()

    async def scenario() -> None:
        spec = StageSpec("track", (INPUT,), "log", lambda partition, partitions: new_fold())
        connection = Connection(spec, "127.0.0.1:1", "test")
        with ThreadPoolExecutor(2) as pool:
            ownership = Ownership(connection, pool, NullObserver(), failures.append)
            ownership._take_over = take_over  # type: ignore[assignment]
            ownership.assign([TopicPartition(INPUT, 0)], 1)
            await asyncio.to_thread(take_over.began.wait, 10)
            if rebalances:
                await ownership.revoke()
            take_over.may_go_on.set()
            await asyncio.gather(*ownership._tasks)

    asyncio.run(scenario())
    assert bool(failures) is ends
