"""What the partitions of a process have to write goes into one transaction, and fails together."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from controltower.streaming.exits import Fenced
from controltower.streaming.observer import NullObserver
from controltower.streaming.positions import Position, encode_position, position_key
from controltower.streaming.restore import Changelog
from controltower.streaming.stage import Commit, Out, StageSpec
from controltower.streaming.takeover import find_loans
from controltower.streaming.transactions import LARGE, Transactions
from controltower.streaming.writer import Share
from tests.unit.roads import new_fold

SPEC = StageSpec("track", ("route-events",), "log", lambda partition, partitions: new_fold())


class Written:
    """Remembers which partitions were written together; the first transaction waits until it may end."""

    def __init__(self, fenced: bool = False) -> None:
        self.together: list[list[int]] = []
        self.may_end = threading.Event()
        self._fenced = fenced

    def write_all(self, changelog: str, shares: Sequence[Share]) -> None:
        self.together.append([share.partition for share in shares])
        assert self.may_end.wait(10)
        if self._fenced:
            raise Fenced("another process has them")


class Counted(NullObserver):
    """Counts what is told of transactions: (records, outputs) of each, and fences."""

    def __init__(self) -> None:
        self.told: list[tuple[int, int]] = []
        self.fences = 0

    def transaction(self, stage: str, seconds: float, records: int, outputs: int) -> None:
        self.told.append((records, outputs))

    def fenced(self, stage: str) -> None:
        self.fences += 1


def share(partition: int, outputs: int = 1) -> Share:
    return Share(partition, Commit([Out("t", None, b"v")] * outputs), [])


def play(
    written: Written, observer: Counted, groups: Sequence[Sequence[Share]], writers: int = 1
) -> list[BaseException | None]:
    """Each group is written by partitions that are woken together; the next one while that is under way."""

    async def scenario() -> list[BaseException | None]:
        with ThreadPoolExecutor(writers) as pool:
            transactions = Transactions(SPEC, [written] * writers, pool, observer)  # type: ignore[arg-type]
            waiting: list[Awaitable[None]] = []
            for number, group in enumerate(groups, start=1):
                waiting += [asyncio.ensure_future(transactions.write(one, 10)) for one in group]
                async with asyncio.timeout(10):
                    while number == 1 and not written.together:
                        await asyncio.sleep(0)
            written.may_end.set()
            return await asyncio.gather(*waiting, return_exceptions=True)

    return asyncio.run(scenario())


def test_partitions_that_are_woken_together_write_together() -> None:
    """One transaction for the polls of a fetch, and one for all that came while it was under way."""
    written, observer = Written(), Counted()
    ended = play(written, observer, [[share(0), share(1), share(2)], [share(3)], [share(0, 5)]])
    assert ended == [None] * 5
    assert written.together == [[0, 1, 2], [3, 0]]
    assert observer.told == [(30, 3), (20, 6)]


def test_a_large_share_does_not_wait_for_others() -> None:
    """They are folded while it is written."""
    written = Written()
    assert play(written, Counted(), [[share(0, LARGE), share(1), share(2)]]) == [None] * 3
    assert written.together == [[0], [1, 2]]


def test_a_second_writer_does_not_wait_for_the_first() -> None:
    """What comes while both are busy goes together into the next transaction."""
    written = Written()
    groups = [[share(0)], [share(1, LARGE), share(2), share(3)]]
    assert play(written, Counted(), groups, writers=2) == [None] * 4
    assert written.together == [[0], [1], [2, 3]]


def test_small_shares_wait_for_what_threads_are_folding(monkeypatch: pytest.MonkeyPatch) -> None:
    """So what partitions fold at once in threads is one transaction as soon as the last of them is done,
    whether that one has anything to write or not."""
    monkeypatch.setattr("controltower.streaming.transactions.COMPANY_S", 60)
    written, observer = Written(), Counted()
    written.may_end.set()

    async def partition(transactions: Transactions, number: int, folded: asyncio.Event) -> None:
        with transactions.folding():
            await folded.wait()
        if number < 2:
            await transactions.write(share(number), 10)

    async def scenario() -> None:
        with ThreadPoolExecutor(1) as pool:
            transactions = Transactions(SPEC, [written], pool, observer)  # type: ignore[arg-type]
            folded = [asyncio.Event() for _ in range(3)]
            tasks = [asyncio.ensure_future(partition(transactions, n, e)) for n, e in enumerate(folded)]
            for event in folded:
                await asyncio.sleep(0)
                assert written.together == []
                event.set()
            async with asyncio.timeout(10):
                await asyncio.gather(*tasks)

    asyncio.run(scenario())
    assert written.together == [[0, 1]]


def test_small_shares_do_not_wait_for_a_fold_that_hangs() -> None:
    """One may wait for something outside for minutes: the others go on without it, and it goes on later."""
    written = Written()
    written.may_end.set()

    async def scenario() -> None:
        with ThreadPoolExecutor(1) as pool:
            transactions = Transactions(SPEC, [written], pool, Counted())  # type: ignore[arg-type]
            async with asyncio.timeout(10):
                with transactions.folding():
                    await transactions.write(share(0), 10)
                await transactions.write(share(1), 10)

    asyncio.run(scenario())
    assert written.together == [[0], [1]]


def test_all_partitions_learn_that_a_transaction_was_refused() -> None:
    """The process ends by it, whichever of them is heard first; the refusal is counted once."""
    written, observer = Written(fenced=True), Counted()
    ended = play(written, observer, [[share(0), share(1)]])
    assert [type(failure) for failure in ended] == [Fenced, Fenced]
    assert (observer.told, observer.fences) == ([], 1)


def test_loans_are_found_in_the_positions() -> None:
    """Each names the transactional id of its last writer; none where a version before it wrote."""
    changelog = Changelog()
    for topic, lent_to in (("a", ("all-1", "all-2")), ("b", ("all-3",)), ("c", ())):
        changelog.take(position_key(topic), encode_position(Position(1, None, 1, None, lent_to)))
    changelog.take(b"r/R1", b"a state")
    assert find_loans([changelog]) == {"all-1", "all-2", "all-3"}
