"""What the consumer's thread hands on to the main loop: polls of now, and the error that ends it."""

from __future__ import annotations

import asyncio
from typing import Any

from controltower.streaming.patched.consumer_thread import PollConsumerThread
from controltower.streaming.poll import Poll


class Consumer:
    """The main loop's side; keeps what it is told."""

    def __init__(self) -> None:
        self.taken: list[Poll] = []
        self.failed: BaseException | None = None

    def take(self, polls: list[Poll]) -> None:
        self.taken += polls

    def crash_with(self, failed: BaseException) -> None:
        self.failed = failed


def _feeding(*fetches: list[Poll] | Exception) -> tuple[PollConsumerThread, Consumer]:
    """A thread without a broker whose fetches bring this."""
    thread: Any = PollConsumerThread.__new__(PollConsumerThread)
    thread.parent_loop, thread.consumer = asyncio.get_running_loop(), Consumer()
    thread._label, left = 1, list(fetches)

    async def fetch_polls() -> list[Poll]:
        fetched = left.pop(0)
        if isinstance(fetched, Exception):
            raise fetched
        return fetched

    thread._fetch_polls = fetch_polls
    return thread, thread.consumer


def _poll(label: int) -> Poll:
    return Poll("in", 0, label, 5, 6, [])


def test_polls_are_handed_on_until_an_error_ends_it() -> None:
    """Nothing more has room until the main loop has counted what came; the error crashes the app there."""

    async def scenario() -> None:
        end = ConnectionError()
        thread, consumer = _feeding([_poll(1)], [], end)
        thread.rooms = frozenset({("in", 0)})
        await thread._feed.fun(thread)
        await asyncio.sleep(0)
        assert consumer.taken == [_poll(1)]
        assert thread.rooms == frozenset()
        assert consumer.failed is end

    asyncio.run(scenario())


def test_polls_that_a_seek_has_overtaken_are_dropped() -> None:
    """A seek between the fetch and the hand-over: behind its answer they would count for ever."""

    async def scenario() -> None:
        thread, consumer = _feeding()
        handing = asyncio.ensure_future(thread._hand_on([_poll(1)]))
        await asyncio.sleep(0)
        thread._label += 1
        await handing
        await asyncio.sleep(0)
        assert consumer.taken == []

    asyncio.run(scenario())
