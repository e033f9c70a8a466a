"""One owned partition: its polls in order, each in one transaction, while other partitions do the same."""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import structlog

from controltower.streaming.broker_clock import BrokerClock
from controltower.streaming.connection import Connection
from controltower.streaming.edge import ConsumerEdge, TopicPartition
from controltower.streaming.exits import Refused, RestartMe, StageStopped
from controltower.streaming.observer import StreamObserver
from controltower.streaming.poll import Poll, to_records
from controltower.streaming.stage import Commit, Record, Unfinished, Waits
from controltower.streaming.takeover import Taken
from controltower.streaming.transactions import Transactions
from controltower.streaming.writer import Share

IDLE_EVERY_S = 1.0
_Given = TypeVar("_Given")
_Found = TypeVar("_Found")
log = structlog.get_logger(__name__)


class OwnedPartition:
    """Runs in the event loop; what blocks goes to the pool."""

    def __init__(
        self,
        number: int,
        taken: Taken,
        *,
        connection: Connection,
        edge: ConsumerEdge,
        pool: ThreadPoolExecutor,
        observer: StreamObserver,
        clock: BrokerClock,
        fail: Callable[[StageStopped], None],
    ) -> None:
        self.number = number
        self.taken = taken
        self.in_flight: Counter[str] = Counter()
        #: monotonic time since when a poll has been waiting or in a transaction; None: owes nothing
        self.busy_since: float | None = None
        #: whose transactions it writes in, set before each start
        self.transactions: Transactions
        #: a fold that may wait for something outside does so now; it has time limits of its own
        self.waits_outside = False
        self._connection = connection
        self._spec = connection.spec
        self._edge, self._pool, self._observer, self._clock, self._fail = edge, pool, observer, clock, fail
        self._waiting: list[Poll] = []
        self._wake = asyncio.Event()
        self._stopping = False
        self._task: asyncio.Task[None] | None = None
        #: the task of a drain that has not seen its end yet
        self._ending: asyncio.Task[None] | None = None
        self._label = -1
        self._expected: dict[str, int] = {}
        self._idle_at = 0.0
        #: topic -> the broker's time (ms) up to which everything in it is committed
        self.upto_ms: dict[str, int] = {}

    @property
    def running(self) -> bool:
        return self._task is not None

    def start(self, label: int) -> None:
        """Fetches with this label, from the positions on, are ours."""
        self._label = label
        self._expected = dict(self.taken.next_offsets)
        self._owe_nothing()
        self._stopping = False
        if isinstance(self.taken.fold, Waits):
            self.taken.fold.go_on()
        self._idle_at = self._next_idle_at()
        self._task = asyncio.create_task(self._run(), name=f"partition-{self.number}")

    async def drain(self, limit_s: float) -> None:
        """Finish the transaction in flight and stop; raises RestartMe when it does not end in time.

        Polls that were only waiting are forgotten: the positions are behind them. Called again, it waits for
        the same transaction.
        """
        self._stopping = True
        self._wake.set()
        if isinstance(self.taken.fold, Waits):
            self.taken.fold.give_up()
        task = self._task or self._ending
        self._task, self._ending = None, task
        if task is None:
            return
        _, late = await asyncio.wait([task], timeout=limit_s)
        if late:
            raise RestartMe(f"the transaction of partition {self.number} did not end within {limit_s:.0f} s")
        self._ending = None
        self._owe_nothing()

    def _owe_nothing(self) -> None:
        self._waiting.clear()
        self.in_flight.clear()
        self.busy_since = None

    def fetched(self, poll: Poll) -> None:
        """A poll is on its way to us through Faust."""
        self.in_flight[poll.topic] += 1
        if self.busy_since is None:
            self.busy_since = time.monotonic()

    def accept(self, poll: Poll) -> None:
        """Take a poll; one that a seek has overtaken is dropped, a missing one ends the process."""
        if poll.label != self._label or self._stopping:
            return
        expected = self._expected[poll.topic]
        if poll.start != expected:
            raise RestartMe(
                f"{poll.topic}/{poll.partition}: a poll from {poll.start} came, {expected} was next"
            )
        self._expected[poll.topic] = poll.end
        self._waiting.append(poll)
        self._wake.set()

    async def _run(self) -> None:
        try:
            while not self._stopping:
                await self._wait_for_polls()
                if self._waiting and not self._stopping:
                    await self._fold_waiting()
                if not self._waiting and not self._stopping and time.monotonic() >= self._idle_at:
                    await self._idle()
        except Unfinished:
            log.info("left_unfinished", stage=self._spec.name, partition=self.number)
        except StageStopped as stopped:
            self._fail(stopped)
        except Exception as failed:  # the process ends; nothing half-done is ever committed
            self._fail(RestartMe(f"partition {self.number}: {failed!r}"))

    async def _wait_for_polls(self) -> None:
        if not self._waiting:
            try:
                async with asyncio.timeout(self._until_idle_s()):
                    await self._wake.wait()
            except TimeoutError:
                return
        self._wake.clear()

    def _next_idle_at(self) -> float:
        """At full seconds of the wall: what the partitions of all workers say then comes to its readers at
        once, and is one transaction of theirs instead of one for each."""
        if not self._spec.idles:
            return math.inf
        return time.monotonic() + IDLE_EVERY_S - time.time() % IDLE_EVERY_S

    def _until_idle_s(self) -> float | None:
        return max(0.0, self._idle_at - time.monotonic()) if self._spec.idles else None

    async def _fold_waiting(self) -> None:
        polls, self._waiting = self._waiting, []
        records = to_records(polls)
        commit = await self._fold(records)
        ends = {poll.topic: poll.end for poll in polls}
        await self._write(commit, ends, len(records))
        had_no_room = self._has_no_room(polls)
        for poll in polls:
            self.in_flight[poll.topic] -= 1
            if poll.records:
                self.upto_ms[poll.topic] = poll.records[-1].timestamp_ms
            self._observer.records_in(self._spec.name, poll.topic, poll.size)
        self.busy_since = time.monotonic() if self.in_flight.total() else None
        if had_no_room:
            self._edge.room_changed()

    def _has_no_room(self, polls: Sequence[Poll]) -> bool:
        """Whether a topic of theirs is not fetched until they are done; telling wakes another thread."""
        limit = self._connection.limits.polls_in_flight
        return any(self.in_flight[poll.topic] >= limit for poll in polls)

    async def _fold(self, records: Sequence[Record]) -> Commit:
        fold = self.taken.fold.fold
        try:
            return await self._fold_outside(fold, records) if self._spec.blocking else fold(records)
        except (StageStopped, Unfinished):
            raise
        except Exception as failed:
            raise self._fold_failed(records, failed) from failed

    async def _fold_outside(
        self, fold: Callable[[Sequence[Record]], Commit], records: Sequence[Record]
    ) -> Commit:
        """In a thread. What waits is not busy, however long: after a restart it would only wait again."""
        self.waits_outside = isinstance(self.taken.fold, Waits)
        try:
            return await self._in_thread(fold, records)
        finally:
            if self.waits_outside:
                self.busy_since = time.monotonic()
            self.waits_outside = False

    def _fold_failed(self, records: Sequence[Record], failed: Exception) -> StageStopped:
        """A pure fold fails again on the same records; one that does I/O may get over it."""
        first, last = records[0], records[-1]
        span = f"{first.topic}/{first.partition}@{first.offset} to {last.topic}@{last.offset}"
        message = f"{self._spec.name} cannot fold {span}: {type(failed).__name__}"
        if self._spec.blocking:
            return RestartMe(message)
        return Refused(
            message, "This is a defect: report it with the traceback above; nothing was committed."
        )

    async def _write(self, commit: Commit, ends: dict[str, int], records: int) -> None:
        share = Share(self.number, commit, self.taken.positions(self._spec, ends))
        await self.transactions.write(share, records)
        self.taken.next_offsets.update(ends)
        self._observer.tallies(self._spec.name, commit.tallies)

    async def _fold_idle(self, ends: Mapping[str, int]) -> Commit | None:
        if not self._spec.blocking:
            return self.taken.fold.idle(ends)
        return await self._in_thread(self.taken.fold.idle, ends)

    async def _in_thread(self, call: Callable[[_Given], _Found], given: _Given) -> _Found:
        """What it says goes into one transaction with what the other partitions have in threads."""
        with self.transactions.folding():
            return await asyncio.get_running_loop().run_in_executor(self._pool, call, given)

    async def _idle(self) -> None:
        """Tell the fold which topics are read to their end; only what is folded and committed counts."""
        self._idle_at = self._next_idle_at()
        partitions = [TopicPartition(topic, self.number) for topic in self._spec.inputs]
        read_ends = await self._edge.read_ends(partitions)
        if self._waiting or self._stopping:
            return
        ends = {
            tp.topic: self._clock.of_local(end.asked_at_ms)
            for tp, end in read_ends.items()
            if end.position == self.taken.next_offsets[tp.topic]
        }
        self.upto_ms.update(ends)
        commit = await self._fold_idle(ends)
        if commit is not None:
            await self._write(commit, {}, 0)
