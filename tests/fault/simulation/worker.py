"""A simulated stage process: the product's Ownership in a loop of its own, on a model of what is below."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from random import Random
from typing import TYPE_CHECKING, Any

from controltower.streaming import broker_clock, ownership, partition, resume
from controltower.streaming.connection import Connection
from controltower.streaming.edge import TopicPartition
from controltower.streaming.exits import Refused, RestartMe, StageStopped
from controltower.streaming.limits import StreamLimits
from controltower.streaming.observer import NullObserver
from controltower.streaming.partition import OwnedPartition
from controltower.streaming.poll import Poll
from tests.fault.simulation.consumer import SimulatedConsumer
from tests.fault.simulation.loop import SimulatedLoop
from tests.fault.simulation.mechanisms import Mechanisms
from tests.fault.simulation.takeover import SimulatedTakeOver

if TYPE_CHECKING:
    from tests.fault.simulation.world import World

Action = Callable[[], object]


class SwitchedPartition(OwnedPartition):
    """The product's; its guards against repeated and missing polls and its draining can be switched off."""

    @property
    def _mechanisms(self) -> Mechanisms:
        edge: Any = self._edge
        mechanisms: Mechanisms = edge.worker.world.mechanisms
        return mechanisms

    def accept(self, poll: Poll) -> None:
        expected = self._expected.get(poll.topic, poll.start)
        again = poll.start < expected and not self._mechanisms.overtaken_polls_are_dropped
        missing = poll.start > expected and not self._mechanisms.missing_polls_end_the_process
        if again or missing:
            self._expected[poll.topic] = poll.start
        super().accept(poll)

    async def drain(self, limit_s: float) -> None:
        if self._mechanisms.drain_at_rebalance:
            await super().drain(limit_s)
            return
        self._stopping, self._task = True, None
        self._wake.set()
        self._owe_nothing()


class _Silent:
    """In the place of a module's logger."""

    def info(self, *_: Any, **__: Any) -> None:
        """Say nothing."""


class _Time:
    """In the place of the module `time`: the time of the process whose turn it is."""

    worker: Worker

    def monotonic(self) -> float:
        return self.worker.world.now_s()

    def time(self) -> float:
        return self.worker.wall_ms() / 1000


TIME = _Time()


@contextmanager
def installed() -> Iterator[None]:
    """The product's modules see simulated time, takeover and partitions."""
    replaced: list[tuple[Any, str, Any]] = [
        (ownership, "TakeOver", SimulatedTakeOver),
        (ownership, "OwnedPartition", SwitchedPartition),
        (ownership, "log", _Silent()),
        (resume, "log", _Silent()),
        *((module, "time", TIME) for module in (ownership, partition, broker_clock)),
    ]
    originals = [(module, name, getattr(module, name)) for module, name, _ in replaced]
    for module, name, stand_in in replaced:
        setattr(module, name, stand_in)
    try:
        yield
    finally:
        for module, name, original in originals:
            setattr(module, name, original)


class Worker:
    """It does nothing by itself: `step` takes one of the things that could happen next."""

    def __init__(self, world: World, name: str, skew_ms: int) -> None:
        self.world, self.name, self._skew_ms = world, name, skew_ms
        self.alive, self.paused, self.produce_fails = True, False, False
        self.stopping = False
        self._failure: StageStopped | None = None
        self._notices: deque[tuple[list[int], int] | None] = deque()
        self._rejoining = False
        self._faulty_since_s: float | None = None
        TIME.worker = self
        self.loop = SimulatedLoop(world.now_s)  # type: ignore[abstract]
        spec = world.workload.spec(self.wall_ms)
        self._inputs = spec.inputs
        pool: Any = self
        self.ownership = ownership.Ownership(
            Connection(spec, "", "simulated"), pool, NullObserver(), self._fail
        )
        if not world.mechanisms.idle_asks_brokers_clock:
            self.ownership._clock._trusted = False
        self.consumer = SimulatedConsumer(self, world.poll_records)
        self.ownership.connect(self.consumer)
        self.tell("starts")
        world.group.join(self)

    def tell(self, what: str) -> None:
        self.world.tell(f"worker {self.name} {what}")

    def wall_ms(self) -> int:
        return self.world.broker.now_ms + self._skew_ms

    # What the group says; it is heard when the process comes to it.
    def tell_rebalance(self) -> None:
        self._notices.append(None)

    def tell_assigned(self, numbers: list[int], generation: int) -> None:
        self._notices.append((numbers, generation))

    def actions(self, random: Random) -> list[Action]:
        """What could happen next in this process."""
        if not self.alive or self.paused:
            return []
        consumer, loop = self.consumer, self.loop
        found: list[Action] = []
        self._watch()
        if self._failure is not None:
            found.append(self._end)
        if loop.has_work:
            found += [loop.turn] * 2
        found += [lambda job=job: loop.advance(job) for job in loop.jobs]  # type: ignore[misc]
        if self._notices and not self._rejoining and not self.stopping:
            found.append(self._hear)
        if not self.stopping:
            for places, act in (
                (consumer.to_ask(), consumer.ask),
                (consumer.to_answer(), consumer.answer),
                (consumer.to_hand_out(), consumer.hand_out),
            ):
                found += [lambda tp=tp, act=act: act(tp) for tp in places]  # type: ignore[misc]
        if consumer.on_the_way and (not self.world.faust_dawdles or random.random() < 0.05):
            found.append(self._deliver)
        return found

    def step(self, random: Random) -> bool:
        """Let one of them happen; False when there is nothing to do."""
        TIME.worker = self
        actions = self.actions(random)
        if not actions:
            return False
        random.choice(actions)()
        return True

    def _watch(self) -> None:
        """The watchdog and `_find_fault`: a fault that is still there a second later ends the process."""
        limits, now_s = StreamLimits(), self.world.now_s()
        waited_s = now_s - self.ownership.progressed_at
        unready = not self.ownership.ready and waited_s > limits.unready_s
        if not unready and self.ownership.oldest_busy_s() <= 2 * limits.broker_call_s:
            self._faulty_since_s = None
        elif self._faulty_since_s is None:
            self._faulty_since_s = now_s
        elif now_s - self._faulty_since_s >= 1:
            self._fail(RestartMe("the watchdog found it stuck"))

    def _hear(self) -> None:
        """`on_partitions_revoked` and `on_partitions_assigned`."""
        notice = self._notices.popleft()
        if notice is None:
            self.tell("hears that the group rebalances")
            self._rejoining = True
            self._task(self._rejoin)
            return
        numbers, generation = notice
        self.tell(f"is given partitions {numbers} in generation {generation}")
        tps = [TopicPartition(topic, number) for topic in self._inputs for number in numbers]
        self.consumer.assigned(tps)
        self._in_loop(lambda: self.ownership.assign(tps, generation))

    async def _rejoin(self) -> None:
        await self.ownership.revoke()
        self._rejoining = False
        # an assignment that was not heard in time is of a generation that is over
        self._notices.clear()
        self.world.group.join(self)

    def _deliver(self) -> None:
        """The agent takes the next poll."""
        poll = self.consumer.on_the_way.popleft()
        self._in_loop(lambda: self.ownership.accept(poll))

    def _in_loop(self, call: Callable[[], None]) -> None:
        self.loop.call_soon(call)

    def _task(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self.loop.call_soon(lambda: self.loop.create_task(work()))

    def show_lag(self) -> None:
        """The tick of a stage process that commits the group's offsets."""
        if self.alive and not self.paused and self.ownership.ready:
            self._task(lambda: self.ownership.show_lag(True))

    def stop(self) -> None:
        """SIGTERM, as `_leave`."""
        if self.alive and not self.paused and not self.stopping:
            self.tell("is asked to stop")
            self.stopping = True
            self._task(self._leave)

    async def _leave(self) -> None:
        await self.ownership.stop()
        self.world.group.remove(self)
        self.tell("has left the group")
        self.alive = False

    def kill(self) -> None:
        if self.alive:
            self.tell("is killed")
            self.alive = False

    def _fail(self, stopped: StageStopped) -> None:
        """As `_StageProcess._fail`: other things may happen until the process is gone."""
        if isinstance(stopped, Refused):
            self.world.judge.refused(self.name, stopped)
        self._failure = self._failure or stopped

    def _end(self) -> None:
        self.tell(f"ends: {self._failure}")
        self.alive = False
