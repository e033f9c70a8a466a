"""The consumer under Faust on the model broker, as streaming/patched/consumer.py and consumer_thread.py."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from controltower.streaming.edge import ReadEnd, TopicPartition
from controltower.streaming.poll import Poll
from tests.fault.simulation.log import Fetched

if TYPE_CHECKING:
    from tests.fault.simulation.worker import Worker


#: fetch.max.wait.ms of the model
_WAIT_MS = 500


def _named(poll: Poll) -> str:
    return f"{poll.topic}/{poll.partition} from {poll.start} up to {poll.end} (after seek {poll.label})"


class SimulatedConsumer:
    """A ConsumerEdge. Asking, the broker's answer, handing out and delivery are steps of their own."""

    def __init__(self, worker: Worker, poll_records: int) -> None:
        self.worker = worker
        self._broker = worker.world.broker
        self._mechanisms = worker.world.mechanisms
        self._poll_records = poll_records
        self._assigned: set[TopicPartition] = set()
        self._positions: dict[TopicPartition, int] = {}
        self._handed: dict[TopicPartition, tuple[int, int]] = {}
        self._label = 0
        #: wall time at which the request now at the broker was sent
        self._sent_at_ms: dict[TopicPartition, float] = {}
        self._answers: dict[TopicPartition, tuple[int, Fetched]] = {}
        self._asked_at_ms: dict[TopicPartition, float] = {}
        self._ends: dict[TopicPartition, int] = {}
        #: what the last empty answer said, and when
        self._answered: dict[TopicPartition, tuple[int, int]] = {}
        #: polls on their way through Faust's queues
        self.on_the_way: deque[Poll] = deque()

    def assigned(self, partitions: Iterable[TopicPartition]) -> None:
        """A new assignment knows no positions until they are sought (`_never_reset_positions`)."""
        self._assigned = set(partitions)
        for known in (self._positions, self._sent_at_ms, self._answers, self._asked_at_ms, self._ends):
            known.clear()
        self._answered.clear()

    # What may happen next.
    def to_ask(self) -> list[TopicPartition]:
        """The broker answers when there is something new, or after a while."""
        return [tp for tp in self._positions if tp not in self._sent_at_ms and self._is_worth_asking(tp)]

    def _is_worth_asking(self, tp: TopicPartition) -> bool:
        if tp in self._answers:
            return False
        log, (end, at_ms) = self._broker.log(*tp), self._answered.get(tp, (-1, 0))
        return log.stable_end + log.end != end or self._broker.now_ms - at_ms >= _WAIT_MS

    def to_answer(self) -> list[TopicPartition]:
        return list(self._sent_at_ms)

    def to_hand_out(self) -> list[TopicPartition]:
        """`room_changed` and `_drain_fetched`: only what Ownership has room for."""
        if not self._answers:
            return []
        return [tp for tp in self.worker.ownership.rooms() if tp in self._answers]

    # What happens.
    def ask(self, tp: TopicPartition) -> None:
        """`_timed_fetch_request`: note when the request left."""
        self._sent_at_ms[tp] = self.worker.wall_ms()

    def answer(self, tp: TopicPartition) -> None:
        """The broker's answer arrives in the fetcher."""
        asked = self._sent_at_ms.pop(tp)
        start = self._positions[tp]
        fetched = self._broker.log(*tp).fetch(
            start, self._poll_records, self._mechanisms.input_reads_committed
        )
        self._asked_at_ms[tp] = asked
        self._answered[tp] = (fetched.stable_end + fetched.end, self._broker.now_ms)
        known = self._mechanisms.idle_knows_open_transactions
        self._ends[tp] = fetched.end if known else fetched.stable_end
        if fetched.next_offset > start:
            self._answered.pop(tp)
            self._answers[tp] = (start, fetched)

    def hand_out(self, tp: TopicPartition) -> Poll | None:
        """`_poll`: a poll goes to Faust; control records alone only move the position."""
        start, fetched = self._answers.pop(tp)
        if self._positions.get(tp) != start:
            return None
        self._positions[tp] = fetched.next_offset
        if not fetched.records:
            return None
        label, begin = self._handed[tp]
        end = fetched.next_offset if self._mechanisms.position_knows_holes else begin + len(fetched.records)
        self._handed[tp] = (label, end)
        poll = Poll(tp.topic, tp.partition, label, begin, end, fetched.records)
        self.worker.tell(f"fetches {_named(poll)}")
        self.worker.ownership.fetched(poll)
        self.on_the_way.append(poll)
        return poll

    def lose(self) -> Poll | None:
        """Faust loses the next poll (none of its versions is known not to)."""
        return self.on_the_way.popleft() if self.on_the_way else None

    # ConsumerEdge, called by Ownership and OwnedPartition.
    async def seek(self, offsets: Mapping[TopicPartition, int]) -> int:
        """`seek_all`, in the consumer's thread: other things happen before and after."""
        await asyncio.sleep(0)
        if self._mechanisms.overtaken_polls_are_dropped:
            self._label += 1
        for tp, offset in offsets.items():
            self._asked_at_ms.pop(tp, None)
            self._handed[tp] = (self._label, offset)
            if tp in self._assigned:
                self._positions[tp] = offset
                self._sent_at_ms.pop(tp, None)
                self._answers.pop(tp, None)
                self._answered.pop(tp, None)
        await asyncio.sleep(0)
        return self._label

    async def read_ends(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, ReadEnd]:
        await asyncio.sleep(0)
        ends = {}
        for tp in partitions:
            position, end, asked = self._positions.get(tp), self._ends.get(tp), self._asked_at_ms.get(tp)
            if position is not None and end is not None and asked is not None and position >= end:
                when = asked if self._mechanisms.idle_takes_time_of_asking else self.worker.wall_ms()
                ends[tp] = ReadEnd(self._handed[tp][1], when, end)
        await asyncio.sleep(0)
        return ends

    async def show_lag(self, offsets: Mapping[TopicPartition, int]) -> None:
        """`commit_for_show`."""
        for tp, offset in offsets.items():
            if tp in self._assigned and self.worker in self.worker.world.group:
                self._broker.group_offsets[tp] = offset

    def find_end(self, partition: TopicPartition) -> int | None:
        return self._ends.get(partition)

    def room_changed(self) -> None:
        """The simulator looks at the rooms at every step."""
