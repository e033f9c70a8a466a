"""Sends what waits in the outboxes: a thread of its own, in it a lane per sink that only delays itself."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Final, Protocol

from controltower.logs import logger
from controltower.sinks.delivery import ANSWERS, Attempt, Delivery, Outcome, pause_s
from controltower.sinks.outbox import Outbox

#: What becomes due without anybody saying so is looked for this often.
_LOOK_EVERY_S: Final = 0.5
_EVER_MS: Final = 2**62
_log = logger("sinks")


class Sender(Protocol):
    """How one sink is told. `most` deliveries at a time, `parallel` times at once.

    gather: once one is due, all that wait go with it.
    """

    gather: bool
    most: int
    parallel: int

    async def send(self, deliveries: Sequence[Delivery]) -> list[Attempt]:
        """One attempt per delivery, in order."""

    async def close(self) -> None: ...


class Lane:
    """One sink. Failures in a row are counted over all its deliveries."""

    def __init__(self, name: str, sender: Sender, courier: Courier) -> None:
        self._name, self._sender, self._courier = name, sender, courier
        self._failures = 0
        self.something = asyncio.Event()

    async def run(self) -> None:
        await asyncio.gather(*(self._work() for _ in range(self._sender.parallel)))

    async def _work(self) -> None:
        while True:
            batch = self._courier.take(self._name, self._sender)
            if not batch:
                await self._wait()
                continue
            attempts = await self._attempt([delivery for _, delivery in batch])
            for (outbox, delivery), attempt in zip(batch, attempts, strict=True):
                outbox.tell([(delivery, attempt)])
            answered = any(attempt.outcome in ANSWERS for attempt in attempts)
            self._failures = 0 if answered else self._failures + 1
            await asyncio.sleep(self._courier.jitter(pause_s(self._failures)))

    async def _attempt(self, deliveries: list[Delivery]) -> list[Attempt]:
        try:
            return await self._sender.send(deliveries)
        except Exception as failed:  # a fault of ours in one lane must not end the others
            _log.error("attempt_broke", sink=self._name, error=type(failed).__name__)
            return [Attempt(Outcome.BROKEN)] * len(deliveries)

    async def _wait(self) -> None:
        self.something.clear()
        try:
            async with asyncio.timeout(_LOOK_EVERY_S):
                await self.something.wait()
        except TimeoutError:
            return


class Courier:
    """Starts with the first outbox and lives as long as the process."""

    def __init__(self, senders: Mapping[str, Sender], now_ms: Callable[[], int], random: Random) -> None:
        self._senders, self._now_ms, self._random = senders, now_ms, random
        self._outboxes: dict[int, Outbox] = {}
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lanes: list[Lane] = []

    def outbox(self, partition: int) -> Outbox:
        """A new one, in the place of the former one of this partition."""
        made = Outbox(self._wake)
        with self._lock:
            former = self._outboxes.get(partition)
            self._outboxes[partition] = made
            if self._loop is None:
                self._start()
        if former is not None:
            former.open = False
        return made

    def take(self, sink: str, sender: Sender) -> list[tuple[Outbox, Delivery]]:
        """The next batch of a sink over all partitions."""
        now_ms, batch = self._now_ms(), list[tuple[Outbox, Delivery]]()
        with self._lock:
            outboxes = list(self._outboxes.values())
        gathers = sender.gather and any(outbox.owes(sink, now_ms) for outbox in outboxes)
        for outbox in outboxes:
            taken = outbox.take(sink, _EVER_MS if gathers else now_ms, sender.most - len(batch))
            batch += [(outbox, delivery) for delivery in taken]
        return batch

    def jitter(self, seconds: float) -> float:
        return seconds * self._random.uniform(0.8, 1.2)

    def _start(self) -> None:
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._run, args=(self._loop,), name="courier", daemon=True).start()

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(self._deliver())

    async def _deliver(self) -> None:
        self._lanes = [Lane(name, sender, self) for name, sender in self._senders.items()]
        await asyncio.gather(*(lane.run() for lane in self._lanes))

    def _wake(self) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._tell_lanes)

    def _tell_lanes(self) -> None:
        for lane in self._lanes:
            lane.something.set()
