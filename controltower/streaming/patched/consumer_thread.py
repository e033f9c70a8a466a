"""Faust's consumer thread with an aiokafka consumer of our own settings that hands out whole polls.

Everything here runs in the consumer's own event loop, except where it says otherwise.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import aiokafka
import structlog
from aiokafka.consumer.fetcher import OffsetResetStrategy
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import ConsumerStoppedError, IllegalStateError, KafkaError
from aiokafka.structs import OffsetAndMetadata
from aiokafka.structs import TopicPartition as KafkaPartition
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread
from mode import Service

from controltower.streaming.connection import Connection
from controltower.streaming.edge import ReadEnd, TopicPartition
from controltower.streaming.gather import Gathering
from controltower.streaming.kafka_config import aiokafka_config
from controltower.streaming.patched.records import unpack_as_ours
from controltower.streaming.poll import Poll, join_polls

if TYPE_CHECKING:
    from controltower.streaming.patched.consumer import PollConsumer

log = structlog.get_logger(__name__)
#: Records wake who waits for them; this is for what does not.
LOOK_S = 1.0
#: Turns of the loop until the fetcher has sent its next request. Polls are handed on behind it: two threads
#: that are awake at once give Python's lock to each other at every turn, a dozen times.
TURNS_TO_ASK = 5
#: It answers with one batch, and hears of a new one only when this is over.
EMBEDDED_WAIT_MS = 30
#: ... so batches are gathered here, where a real broker would hand out all that it has at once.
EMBEDDED_GATHER_S = 0.02


class PollConsumerThread(AIOKafkaConsumerThread):  # type: ignore[misc]
    """Positions come from our seeks alone: a partition is fetched once it was sought, never before."""

    connection: Connection
    consumer: PollConsumer
    #: what may be handed on; set as a whole by the main loop, emptied here until that has counted what came
    rooms: frozenset[KafkaPartition] = frozenset()
    #: whether records wait for room; set before the rooms are looked at, so that no change of them is missed
    has_waiting = False
    _label = 0

    def _create_worker_consumer(self, transport: Any) -> aiokafka.AIOKafkaConsumer:
        limits, connection = self.connection.limits, self.connection
        session_ms = int(limits.session_timeout_s * 1000)
        return aiokafka.AIOKafkaConsumer(
            bootstrap_servers=connection.brokers,
            client_id=connection.group,
            group_id=connection.group,
            # by ranges: topics of equal count are assigned together, which Ownership checks
            partition_assignment_strategy=[RangePartitionAssignor],
            enable_auto_commit=False,
            auto_offset_reset="none",
            isolation_level="read_committed",
            check_crcs=not connection.embedded,  # its batches are whole, their checksums are not
            max_poll_records=limits.poll_records,
            max_poll_interval_ms=int(limits.unready_s * 1000),
            max_partition_fetch_bytes=limits.partition_fetch_bytes,
            # for the embedded broker; each fetch from a real one is told its own
            fetch_min_bytes=1,
            fetch_max_wait_ms=EMBEDDED_WAIT_MS,
            session_timeout_ms=session_ms,
            heartbeat_interval_ms=session_ms // 4,
            rebalance_timeout_ms=int((limits.session_timeout_s + limits.drain_s) * 1000),
            request_timeout_ms=max(session_ms, 20_000),
            metadata_max_age_ms=60_000,
            consumer_timeout_ms=1000,  # what it waits for wakes it; five looks a second found nothing
            **aiokafka_config(connection.security),
        )

    async def on_start(self) -> None:
        """Start the consumer with the hooks into its fetcher."""
        self._asked_at_ms: dict[KafkaPartition, float] = {}
        self._handed: dict[KafkaPartition, tuple[int, int]] = {}
        spec = self.connection.spec
        self._gathering = Gathering(self.connection.limits, spec.gathers, spec.idles)
        unpack_as_ours()
        await super().on_start()
        fetcher = self._ensure_consumer()._fetcher
        fetcher._update_fetch_positions = self._never_reset_positions
        fetcher._default_reset_strategy = OffsetResetStrategy.NONE
        fetcher._prefetch_backoff = 0.01  # a partition without room must not hold up its neighbours
        self._proc_fetch_request = fetcher._proc_fetch_request
        fetcher._proc_fetch_request = self._timed_fetch_request

    async def _never_reset_positions(self, *_: Any) -> bool:
        await asyncio.sleep(0.05)
        return False

    async def _timed_fetch_request(self, assignment: Any, node_id: int, request: Any) -> bool:
        """Note when a request was sent that got an answer: up to then its answer is complete."""
        asked = [KafkaPartition(t, p) for t, partitions in request.topics for p, *_ in partitions]
        states = {tp: assignment.state_value(tp) for tp in asked}
        for state in states.values():
            state.timestamp = None
        self._set_wait(assignment, node_id, request)
        sent_at_ms = time.time() * 1000
        new_data: bool = await self._proc_fetch_request(assignment, node_id, request)
        self._gathering.answered(node_id, new_data)
        for tp, state in states.items():
            if state.timestamp is not None:
                self._asked_at_ms[tp] = sent_at_ms
        return new_data

    def _set_wait(self, assignment: Any, node_id: int, request: Any) -> None:
        if self.connection.embedded:
            return
        unread = self._ensure_consumer()._fetcher._records
        wait = self._gathering.choose(node_id, all_asked=unread.keys().isdisjoint(assignment.tps))
        request._max_wait_ms, request._min_bytes = wait.longest_ms, wait.least_bytes

    async def seek_all(self, offsets: Mapping[TopicPartition, int]) -> int:
        """Go to the offsets; partitions we no longer have are left out (a rebalance is on its way)."""
        consumer = self._ensure_consumer()
        self._label += 1
        self.rooms = frozenset()  # nothing from there before the partitions have started
        for tp, offset in offsets.items():
            partition = KafkaPartition(*tp)
            self._asked_at_ms.pop(partition, None)
            self._handed[partition] = (self._label, offset)
            try:
                consumer.seek(partition, offset)
            except IllegalStateError:
                log.info("seek_overtaken_by_rebalance", topic=tp.topic, partition=tp.partition)
        return self._label

    @Service.task  # type: ignore[untyped-decorator]
    async def _feed(self) -> None:
        """Hands on what the partitions with room have; the main loop asks for nothing."""
        try:
            while True:
                polls = await self._fetch_polls()
                if polls:
                    self.rooms = frozenset()
                    await self._hand_on(polls)
        except Exception as failed:
            self.parent_loop.call_soon_threadsafe(self.consumer.crash_with, failed)

    async def _hand_on(self, polls: list[Poll]) -> None:
        """Without what a seek has overtaken meanwhile: it would come behind the seek, and count for ever."""
        for _ in range(TURNS_TO_ASK):
            await asyncio.sleep(0)
        polls = [poll for poll in polls if poll.label == self._label]
        if polls:
            self.parent_loop.call_soon_threadsafe(self.consumer.take, polls)

    async def _fetch_polls(self) -> list[Poll]:
        polls = await self._next_polls(LOOK_S)
        return await self._gather(polls) if polls and self.connection.embedded else polls

    async def _gather(self, polls: list[Poll]) -> list[Poll]:
        """What else comes soon, joined; without what a seek has overtaken meanwhile."""
        until = time.monotonic() + EMBEDDED_GATHER_S
        most = self.connection.limits.poll_records
        while (left := until - time.monotonic()) > 0 and sum(poll.size for poll in polls) < most:
            later = await self._next_polls(left)
            polls = join_polls([poll for poll in polls if poll.label == self._label], later)
        return polls

    async def _next_polls(self, timeout_s: float) -> list[Poll]:
        consumer = self._ensure_consumer()
        fetcher = consumer._fetcher
        deadline = time.monotonic() + timeout_s
        while True:
            if consumer._closed or fetcher._closed:
                raise ConsumerStoppedError()
            polls = await self._drain_fetched(consumer)
            left = deadline - time.monotonic()
            if polls or left <= 0:
                return polls
            waiter = fetcher._create_fetch_waiter()
            await asyncio.wait([waiter], timeout=left)
            if waiter.done():
                waiter.result()  # raises what the coordinator found, such as a missing right
            else:
                waiter.cancel()

    async def _drain_fetched(self, consumer: aiokafka.AIOKafkaConsumer) -> list[Poll]:
        fetcher = consumer._fetcher
        self.has_waiting = bool(fetcher._records)
        rooms = self.rooms
        if not rooms or fetcher._subscriptions.reassignment_in_progress:
            return []
        with fetcher._subscriptions.fetch_context():
            fetched = await fetcher.fetched_records(rooms, timeout=0, max_records=consumer._max_poll_records)
        self.has_waiting = bool(fetcher._records)
        return [self._poll(tp, records) for tp, records in fetched.items()]

    def _poll(self, tp: KafkaPartition, records: list[Any]) -> Poll:
        self._gathering.handed(len(records))
        label, start = self._handed[tp]
        end = self._position(tp) or records[-1].offset + 1
        self._handed[tp] = (label, end)
        return Poll(tp.topic, tp.partition, label, start, end, records)

    def _state(self, tp: KafkaPartition) -> Any:
        subscription = self._ensure_consumer()._subscription.subscription
        assignment = subscription.assignment if subscription is not None else None
        return assignment.state_value(tp) if assignment is not None else None

    def _position(self, tp: KafkaPartition) -> int | None:
        state = self._state(tp)
        return state.position if state is not None and state.has_valid_position else None

    def find_end(self, tp: KafkaPartition) -> int | None:
        """The end by the last answer; safe from any thread."""
        state = self._state(tp)
        return None if state is None else state.highwater

    async def read_ends(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, ReadEnd]:
        """Partitions whose whole log was handed out, up to the high watermark of an answer.

        The high watermark, not the last stable offset: what an open transaction holds back was appended
        already and would come with an older time than the one given here.
        """
        ends = {}
        for tp in partitions:
            partition = KafkaPartition(*tp)
            position, end = self._position(partition), self.find_end(partition)
            asked = self._asked_at_ms.get(partition)
            if position is not None and end is not None and asked is not None and position >= end:
                ends[tp] = ReadEnd(self._handed[partition][1], asked, end)
        return ends

    async def commit_for_show(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Commit to the group what is still assigned; it only shows lag, so errors are no more than told."""
        consumer = self._ensure_consumer()
        assigned = consumer.assignment()
        wanted = {KafkaPartition(*tp): OffsetAndMetadata(o, "") for tp, o in offsets.items()}
        try:
            await consumer.commit({tp: o for tp, o in wanted.items() if tp in assigned})
        except KafkaError as failed:
            log.info("group_offsets_not_committed", reason=type(failed).__name__)

    def wake_fetchers(self) -> None:
        """Let a waiting fetch look at the rooms again."""
        fetcher = self._ensure_consumer()._fetcher
        for waiter in list(fetcher._fetch_waiters):
            fetcher._notify(waiter)
