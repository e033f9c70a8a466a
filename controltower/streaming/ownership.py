"""Which partitions are ours, from the group's assignments: take over, keep, drain, drop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict

import structlog

from controltower.streaming.broker_clock import BrokerClock
from controltower.streaming.connection import Connection
from controltower.streaming.edge import ConsumerEdge, TopicPartition
from controltower.streaming.exits import Fenced, Refused, RestartMe, StageStopped
from controltower.streaming.observer import StreamObserver
from controltower.streaming.partition import OwnedPartition
from controltower.streaming.poll import Poll
from controltower.streaming.restore import Restoring
from controltower.streaming.takeover import TakeOver
from controltower.streaming.transactions import Transactions

log = structlog.get_logger(__name__)


class Ownership:
    """Lives in the main event loop. `fail` is called once with what ends the process."""

    def __init__(
        self,
        connection: Connection,
        pool: ThreadPoolExecutor,
        observer: StreamObserver,
        fail: Callable[[StageStopped], None],
    ) -> None:
        self._connection, self._pool, self._observer, self.fail = connection, pool, observer, fail
        #: of its own: in a pool with idle threads each call wakes one of them for nothing, too
        self._writing = ThreadPoolExecutor(connection.limits.writers, thread_name_prefix="write")
        self._clock = BrokerClock(trusted=not connection.embedded)
        self._take_over = TakeOver(connection, pool, observer, self._clock)
        self._edge: ConsumerEdge | None = None
        self._held: dict[int, OwnedPartition] = {}
        self._held_since: dict[int, int] = {}
        #: monotonic time at which all that is held was lent last
        self._lent_at = 0.0
        self._generation: int | None = None
        self._settling = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        #: monotonic time of the last step towards being ready; the watchdog reads it
        self.progressed_at = time.monotonic()
        self.ready = False
        self._broker_answers = True
        self._stopped = False

    def connect(self, edge: ConsumerEdge) -> None:
        self._edge = edge

    @property
    def edge(self) -> ConsumerEdge:
        assert self._edge is not None, "the consumer connects itself before it joins"
        return self._edge

    def rooms(self) -> list[TopicPartition]:
        """What may be fetched now: partitions with fewer polls in flight than the limit."""
        limit = self._connection.limits.polls_in_flight
        return [
            TopicPartition(topic, number)
            for number, held in self._held.items()
            if held.running
            for topic in self._connection.spec.inputs
            if held.in_flight[topic] < limit
        ]

    def fetched(self, poll: Poll) -> None:
        """A poll is on its way through Faust; it counts as in flight from here on."""
        held = self._held.get(poll.partition)
        if held is not None and held.running:
            held.fetched(poll)

    def accept(self, poll: Poll) -> None:
        """A poll arrived in the agent."""
        held = self._held.get(poll.partition)
        if held is None or not held.running:
            return
        try:
            held.accept(poll)
        except StageStopped as stopped:
            self.fail(stopped)

    def busy_since(self) -> float | None:
        """Monotonic time since when the slowest partition owes something; what waits outside owes nothing."""
        since = [
            held.busy_since
            for held in self._held.values()
            if held.busy_since is not None and not held.waits_outside
        ]
        return min(since, default=None)

    def oldest_busy_s(self) -> float:
        """For how long that is."""
        since = self.busy_since()
        return time.monotonic() - since if since is not None else 0.0

    async def revoke(self) -> None:
        """The group rebalances: finish what is in flight, keep the states until the next assignment."""
        self._generation = None
        self._set_ready(False)
        try:
            await self._drain()
        except StageStopped as stopped:
            self.fail(stopped)

    async def stop(self) -> None:
        """As revoke, for good; what does not end in time is given up, and the broker aborts it."""
        self._stopped = True
        self._generation = None
        self._set_ready(False)
        try:
            await self._drain()
        except StageStopped as stopped:
            log.warning("left_unfinished", stage=self._connection.spec.name, reason=str(stopped))

    async def _drain(self) -> None:
        limit_s = self._connection.limits.drain_s
        await asyncio.gather(*(held.drain(limit_s) for held in self._held.values()))

    def topic_ids(self) -> dict[str, str]:
        """Of inputs and changelog when their partitions were taken over, where the broker has ids."""
        return {
            topic: topic_id
            for held in self._held.values()
            for topic, topic_id in held.taken.topic_ids.items()
            if topic_id is not None
        }

    def assign(self, assigned: Iterable[TopicPartition], generation: int) -> None:
        """A new assignment; taking over goes on in the background, so that heartbeats do."""
        if self._stopped:
            return
        self._generation = generation
        self.progressed_at = time.monotonic()
        self._observer.rebalanced(self._connection.spec.name)
        task = asyncio.create_task(self._settle_or_fail(set(assigned), generation))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _settle_or_fail(self, assigned: set[TopicPartition], generation: int) -> None:
        try:
            async with self._settling:  # two takeovers at once would fence each other
                if generation == self._generation:
                    await self._settle(self._numbers(assigned), generation)
        except Fenced as fenced:
            if generation == self._generation:
                self.fail(fenced)
            else:  # the group has moved on meanwhile, and the owner of now did this: nothing was held yet
                log.info("overtaken", stage=self._connection.spec.name, generation=generation)
        except StageStopped as stopped:
            self.fail(stopped)
        except Exception as failed:
            self.fail(RestartMe(f"taking over failed: {failed!r}"))

    def _numbers(self, assigned: set[TopicPartition]) -> set[int]:
        """The owned partition numbers; raises Refused unless every input has the same ones."""
        numbers = {partition for _, partition in assigned}
        whole = {TopicPartition(topic, n) for topic in self._connection.spec.inputs for n in numbers}
        if whole != assigned:
            raise Refused(
                f"the group does not assign the inputs of {self._connection.spec.name} together",
                "Another version of this stage is in the group: stop it, then start again.",
            )
        return numbers

    async def _settle(self, numbers: set[int], generation: int) -> None:
        """What is kept is lent anew with its positions, so no transaction may still be about to move them."""
        await self._drain()
        self._drop_all_but(numbers, generation)
        if numbers:
            await self._take(sorted(numbers - set(self._held)))
        self._held_since.update(dict.fromkeys(numbers, generation))
        if generation == self._generation:
            await self._start_all(generation)

    async def _take(self, new: list[int]) -> None:
        """The new partitions; those we keep write on with them, in other transactions than before."""
        if new:
            log.info("taking_over", stage=self._connection.spec.name, partitions=new)
        kept = {number: held.taken for number, held in self._held.items()}
        loop = asyncio.get_running_loop()
        taken, writers = await loop.run_in_executor(
            self._pool, self._take_over.take, new, kept, self._progress
        )
        for number, ours in taken.items():
            self._held[number] = OwnedPartition(
                number,
                ours,
                connection=self._connection,
                edge=self.edge,
                pool=self._pool,
                observer=self._observer,
                clock=self._clock,
                fail=self.fail,
            )
        self._lent_at = time.monotonic()
        transactions = Transactions(self._connection.spec, writers, self._writing, self._observer)
        for held in self._held.values():
            held.transactions = transactions

    async def _start_all(self, generation: int) -> None:
        starts = {
            TopicPartition(topic, number): offset
            for number, held in self._held.items()
            for topic, offset in held.taken.next_offsets.items()
        }
        label = await self.edge.seek(starts)
        if generation != self._generation:
            return
        for held in self._held.values():
            held.start(label)
        self.edge.room_changed()
        self._set_ready(True)
        log.info("ready", stage=self._connection.spec.name, partitions=sorted(self._held))

    def _drop_all_but(self, numbers: set[int], generation: int) -> None:
        """Keep what we also had in the generation before: nobody else can have written in between."""
        lapsed = time.monotonic() - self._lent_at > self._connection.limits.deed_lasts_s
        for number in list(self._held):
            if lapsed or number not in numbers or self._held_since[number] < generation - 1:
                del self._held[number], self._held_since[number]

    def _progress(self, restoring: Restoring) -> None:
        self.progressed_at = time.monotonic()
        name = self._connection.spec.name
        self._observer.restoring(name, restoring.share)
        log.info("restoring", stage=name, share=round(restoring.share, 3), **asdict(restoring))

    def _set_ready(self, ready: bool) -> None:
        self.ready = ready
        self.progressed_at = time.monotonic()
        if ready:
            self._observer.restoring(self._connection.spec.name, 1.0)
        self._observer.ready(ready and self._broker_answers)

    def broker_heard(self, answers: bool) -> None:
        """Whether the broker answered a question just now; while it does not, the stage is not ready."""
        if answers is not self._broker_answers:
            name = self._connection.spec.name
            log.info("broker_answers", stage=name) if answers else log.warning("broker_is_silent", stage=name)
        self._broker_answers = answers
        self._observer.ready(self.ready and answers)

    def _show_age(self) -> None:
        now_ms = self._clock.of_local(time.time() * 1000)
        for number, held in self._held.items():
            for topic, upto_ms in held.upto_ms.items():
                age_s = max(0.0, (now_ms - upto_ms) / 1000)
                self._observer.behind(self._connection.spec.name, topic, number, age_s)
        self._observer.busy(self._connection.spec.name, self.oldest_busy_s())

    async def show_lag(self, commit: bool) -> None:
        """Tell the observer the lag; with `commit` also the group's offsets.

        What only markers follow is read to its end: no poll will ever come for them.
        """
        offsets = {
            TopicPartition(topic, number): offset
            for number, held in self._held.items()
            if held.running
            for topic, offset in held.taken.next_offsets.items()
        }
        for tp, read in (await self.edge.read_ends(list(offsets))).items():
            if offsets[tp] == read.position:
                offsets[tp] = read.log_end
        for tp, offset in offsets.items():
            end = self.edge.find_end(tp)
            if end is not None:
                self._observer.lag(self._connection.spec.name, tp.topic, tp.partition, max(0, end - offset))
        self._show_age()
        if commit and offsets:
            await self.edge.show_lag(offsets)
