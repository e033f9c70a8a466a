"""What the main loop says of room reaches the consumer's thread, whatever that is doing at the moment."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from aiokafka.consumer.fetcher import Fetcher
from aiokafka.structs import TopicPartition as KafkaPartition

from controltower.streaming.edge import TopicPartition
from controltower.streaming.gather import Gathering
from controltower.streaming.limits import StreamLimits
from controltower.streaming.patched.consumer import PollConsumer
from controltower.streaming.patched.consumer_thread import PollConsumerThread
from controltower.streaming.stage import Record

FULL, OTHER = KafkaPartition("in", 0), KafkaPartition("in", 1)
#: far more than a test may take: only a wake-up ends this wait
FOR_EVER_S = 3_600.0


class Subscriptions:
    reassignment_in_progress = False

    def fetch_context(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()


class FilledFetcher(Fetcher):  # type: ignore[misc]
    """aiokafka's, with what has arrived as plain lists; `looks` is called in the middle of a look at them."""

    def __init__(self, records: dict[KafkaPartition, list[Record]]) -> None:
        self._loop = asyncio.get_running_loop()
        self._fetch_waiters: set[asyncio.Future[None]] = set()
        self._subscriptions, self._closed, self._records = Subscriptions(), False, records
        self.looks: Callable[[], None] = lambda: None

    async def fetched_records(
        self, partitions: frozenset[KafkaPartition], timeout: float = 0, max_records: int | None = None
    ) -> dict[KafkaPartition, list[Record]]:
        self.looks()
        return {tp: self._records.pop(tp) for tp in list(self._records) if tp in partitions}


class Client:
    """As much of aiokafka's consumer as is looked at."""

    _closed, _max_poll_records, _subscription = False, 500, type("Nothing", (), {"subscription": None})

    def __init__(self, fetcher: Fetcher) -> None:
        self._fetcher = fetcher


class Rooms:
    """The ownership: which partitions may be fetched."""

    def __init__(self) -> None:
        self.open: list[TopicPartition] = []

    def rooms(self) -> list[TopicPartition]:
        return self.open


class WatchedThread(PollConsumerThread):
    """Tells of each look at the rooms, just before and just after."""

    before: Callable[[], None] = staticmethod(lambda: None)
    after: Callable[[], None] = staticmethod(lambda: None)

    @property  # type: ignore[override]
    def rooms(self) -> frozenset[KafkaPartition]:
        self.before()
        seen = self._rooms
        self.after()
        return seen

    @rooms.setter
    def rooms(self, rooms: frozenset[KafkaPartition]) -> None:
        self._rooms = rooms


class Pair:
    """The main loop's side and the thread's, without a broker, in one loop."""

    def __init__(self, fetcher: FilledFetcher) -> None:
        thread: Any = WatchedThread.__new__(WatchedThread)
        thread.rooms, thread._label, client = frozenset(), 1, Client(fetcher)
        thread._handed = {FULL: (1, 0), OTHER: (1, 0)}
        thread._gathering = Gathering(StreamLimits(), False, False)
        thread._ensure_consumer = lambda: client
        thread.thread_loop = asyncio.get_running_loop()
        main: Any = PollConsumer.__new__(PollConsumer)
        self.ownership = Rooms()
        main.app = type("App", (), {"ownership": self.ownership})
        main._thread, main.flow_active = thread, True
        main.can_resume_flow, main.suspend_flow = asyncio.Event(), asyncio.Event()
        self.main, self.thread = main, thread

    def open(self, *partitions: KafkaPartition) -> None:
        """The main loop sees room."""
        self.ownership.open = [TopicPartition(*tp) for tp in partitions]
        self.main.room_changed()


def once(act: Callable[[], None]) -> Callable[[], None]:
    left: Iterator[Callable[[], None]] = iter([act])
    return lambda: next(left, lambda: None)()


def _records(tp: KafkaPartition) -> list[Record]:
    return [Record(tp.topic, tp.partition, 0, 0, None, None)]


@pytest.mark.parametrize(
    ("moment", "has_room"),
    [
        ("before", ()),
        ("after", ()),
        ("waiting", ()),
        ("before", (OTHER,)),
        ("after", (OTHER,)),
        ("within", (OTHER,)),  # without any room it does not look at what has arrived
        ("waiting", (OTHER,)),
    ],
)
def test_no_wake_up_is_lost(moment: str, has_room: Sequence[KafkaPartition]) -> None:
    """Room for what waits, told at whatever moment of a look at the rooms: it is fetched at once, not at the
    next look, which may be a second later."""

    async def scenario() -> None:
        fetcher = FilledFetcher({FULL: _records(FULL)})
        pair = Pair(fetcher)
        pair.thread.rooms = frozenset(has_room)
        tell = once(lambda: pair.open(FULL))
        if moment == "waiting":
            asyncio.get_running_loop().call_soon(tell)
        elif moment == "within":
            fetcher.looks = tell
        else:
            setattr(pair.thread, moment, tell)
        async with asyncio.timeout(30):
            polls = await pair.thread._next_polls(FOR_EVER_S)
        assert [(poll.partition, poll.records) for poll in polls] == [(FULL.partition, _records(FULL))]

    asyncio.run(scenario())


def test_nothing_has_room_before_the_flow_goes_on() -> None:
    """Partitions that start while Faust still holds the flow are fetched from as soon as it does not: what
    came before would be forgotten behind its seek."""

    async def scenario() -> None:
        pair = Pair(FilledFetcher({FULL: _records(FULL)}))
        pair.main.stop_flow()
        fetching = asyncio.ensure_future(pair.thread._next_polls(FOR_EVER_S))
        await asyncio.sleep(0)
        pair.open(FULL)
        assert pair.thread.rooms == frozenset()
        pair.main.resume_flow()
        async with asyncio.timeout(30):
            assert [poll.partition for poll in await fetching] == [FULL.partition]

    asyncio.run(scenario())
