"""Faust's consumer with a whole fetch in the place of a record, and positions from the changelog."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Mapping
from typing import Any, TypeVar

from aiokafka.structs import TopicPartition as KafkaPartition
from faust.transport.drivers.aiokafka import Consumer, Transport
from faust.types import TP, ConsumerMessage

from controltower.streaming.edge import ReadEnd, TopicPartition
from controltower.streaming.ownership import Ownership
from controltower.streaming.patched.consumer_thread import PollConsumerThread
from controltower.streaming.poll import Poll

T = TypeVar("T")
WAIT_S = 1.0


class PollConsumer(Consumer):  # type: ignore[misc]
    """Runs in the main loop and is the ConsumerEdge of the app's ownership."""

    _thread: PollConsumerThread

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._arrived: asyncio.Queue[list[Poll] | BaseException] = asyncio.Queue()
        self.ownership.connect(self)

    @property
    def ownership(self) -> Ownership:
        return self.app.ownership  # type: ignore[no-any-return]

    def _new_consumer_thread(self) -> PollConsumerThread:
        thread = PollConsumerThread(self, loop=self.loop, beacon=self.beacon)
        thread.connection = self.app.connection
        return thread

    async def _in_thread(self, work: Coroutine[Any, Any, T]) -> T:
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._thread.thread_loop))

    async def _drain_messages(self, fetcher: Any) -> None:
        """From the fetch to the agent, until the fetcher is stopped; what goes wrong crashes the app.

        Faust's own loop makes six tasks for each message, counts holes in the offsets (control records,
        compaction) as gaps and drops what is read again after a seek. What the agent does not take while the
        flow is stopped comes again: polls of before a seek are dropped by their label.
        """
        try:
            while not (self.should_stop or fetcher.should_stop):
                polls = await self._next_polls()
                if polls:
                    await self.callback(self._as_message(polls))
        except self.consumer_stopped_errors:
            if not self.app.should_stop:
                raise

    async def _next_polls(self) -> list[Poll]:
        """None after a while."""
        try:
            async with asyncio.timeout(WAIT_S):
                arrived = await self._arrived.get()
        except TimeoutError:
            return []
        if isinstance(arrived, BaseException):
            raise arrived
        return arrived

    def take(self, polls: list[Poll]) -> None:
        """From the thread, and before whatever it says later: they count from here on, and then there may be
        room for more. While the flow is stopped they are forgotten, since a seek is to come."""
        if not self.flow_active:
            return
        for poll in polls:
            self.ownership.fetched(poll)
        self.room_changed()
        self._arrived.put_nowait(polls)

    def crash_with(self, failed: BaseException) -> None:
        """The thread has met an error and fetches no more."""
        self._arrived.put_nowait(failed)

    def _as_message(self, polls: list[Poll]) -> ConsumerMessage:
        """All polls as one message of the first one's partition: a message's way from here to the agent costs
        as much as a small transaction."""
        topic, partition = polls[0].topic, polls[0].partition
        return ConsumerMessage(
            topic,
            partition,
            polls[0].start,
            None,
            None,
            None,
            None,
            polls,
            None,
            None,
            None,
            TP(topic, partition),
            generation_id=self.app.consumer_generation_id,
        )

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Drain before the group goes on: the next owner restores what is committed by then."""
        await self.ownership.revoke()
        await super().on_partitions_revoked(revoked)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Let Faust update its own view, then take over."""
        await super().on_partitions_assigned(assigned, generation_id)
        self.ownership.assign((TopicPartition(*tp) for tp in assigned), generation_id)

    async def perform_seek(self) -> None:
        """Nothing: a partition is sought when it has been taken over."""

    async def commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:
        """Nothing: positions are part of each transaction."""
        return False

    async def verify_all_partitions_active(self) -> None:
        """Nothing: the watchdog watches what matters here."""

    def resume_flow(self) -> None:
        """Faust's recovery says so, which may be later than our partitions have started."""
        super().resume_flow()
        self.room_changed()

    def room_changed(self) -> None:
        """The thread looks at the rooms when records come, so it is woken only where some are waiting.

        None while the flow is stopped: what came from behind the seek would be forgotten, and the next poll
        be found not to follow.
        """
        rooms = self.ownership.rooms() if self.flow_active else ()
        self._thread.rooms = frozenset(KafkaPartition(*tp) for tp in rooms)
        if self._thread.rooms and self._thread.has_waiting:
            self._thread.thread_loop.call_soon_threadsafe(self._thread.wake_fetchers)

    async def seek(self, offsets: Mapping[TopicPartition, int]) -> int:
        return await self._in_thread(self._thread.seek_all(offsets))

    async def read_ends(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, ReadEnd]:
        return await self._in_thread(self._thread.read_ends(partitions))

    async def show_lag(self, offsets: Mapping[TopicPartition, int]) -> None:
        await self._in_thread(self._thread.commit_for_show(offsets))

    def find_end(self, partition: TopicPartition) -> int | None:
        return self._thread.find_end(KafkaPartition(*partition))


class PollTransport(Transport):  # type: ignore[misc]
    """Faust's transport with the consumer above."""

    Consumer = PollConsumer
