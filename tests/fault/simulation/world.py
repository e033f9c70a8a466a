"""Everything in one history: broker, group, two workers, outsiders that write the input, and the steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from controltower.offline.evidence import view_changelog
from tests.fault.simulation.broker import Broker
from tests.fault.simulation.group import Group
from tests.fault.simulation.judge import Judge
from tests.fault.simulation.log import Producer
from tests.fault.simulation.mechanisms import Mechanisms
from tests.fault.simulation.violation import Violation
from tests.fault.simulation.worker import Worker
from tests.fault.simulation.workloads import Workload

PARTITIONS = 2
START_MS = 1_767_258_000_000
NAMES = ("A", "B")
_ROUNDS = 120


@dataclass(slots=True, frozen=True)
class Step:
    """`what` with two numbers; every step means something in every world, if only nothing."""

    what: str
    a: int = 0
    b: int = 0


class World:
    """`tell` gets the timeline in plain words."""

    def __init__(
        self,
        workload: Workload,
        mechanisms: Mechanisms,
        setup: Random,
        tell: Callable[[str], None] | None = None,
    ) -> None:
        self.workload, self.mechanisms = workload, mechanisms
        self._tell = tell
        self.broker = Broker(PARTITIONS, START_MS)
        self.group: Group[Worker] = Group(PARTITIONS)
        self.judge = Judge()
        self.poll_records = setup.choice([1, 2, 3, 5, 20])
        self._skews_ms = {name: setup.choice([0, 0, -600_000, 600_000, -3_000, 3_000]) for name in NAMES}
        #: polls stay long in Faust's queues
        self.faust_dawdles = setup.random() < 0.3
        self.spec = workload.spec(lambda: 0)
        self._outsiders: dict[int, Producer] = {}
        self._incarnations = 0
        #: the process that runs, or ran last, under each name
        self.workers: dict[str, Worker] = {}
        self._gone: list[Worker] = []
        self._start("A")

    def tell(self, what: str) -> None:
        if self._tell is not None:
            self._tell(f"{(self.broker.now_ms - START_MS) / 1000:9.3f} s  {what}")

    def now_s(self) -> float:
        return self.broker.now_ms / 1000

    def do(self, step: Step) -> None:
        """One step of a history."""
        getattr(self, f"_{step.what}")(step.a, step.b)

    def _worker(self, number: int) -> Worker | None:
        worker = self.workers.get(NAMES[number % len(NAMES)])
        return worker if worker is not None and worker.alive else None

    def _start(self, name: str) -> None:
        self._incarnations += 1
        if name in self.workers:
            self._gone.append(self.workers[name])
        worker = Worker(self, f"{name}{self._incarnations}", self._skews_ms[name])
        self.workers[name] = worker

    # Steps. Each takes two numbers.
    def _run(self, number: int, seed: int) -> None:
        """Let one worker do some of what it could do."""
        worker, random = self._worker(number), Random(seed)
        for _ in range(random.choice([1, 3, 10, 40, 100])):
            if worker is None or not worker.step(random):
                return
            self.broker.now_ms += 1

    def _append(self, partition: int, records: int) -> None:
        """An outsider writes."""
        count = records % self.workload.burst + 1
        for _ in range(count):
            self._produce(partition % PARTITIONS, None)
        self.tell(f"an outsider writes {count} records into partition {partition % PARTITIONS}")

    def _open(self, partition: int, records: int) -> None:
        """An outsider writes in a transaction that it leaves open for now; other writes wait behind it."""
        number = partition % PARTITIONS
        if number not in self._outsiders:
            self._outsiders[number] = self.broker.init_transactions(f"outsider-{number}")
            for _ in range(records % 2 + 1):
                self._produce(number, self._outsiders[number])
            self.tell(f"an outsider opens a transaction in partition {number}, {records % 2 + 1} records")

    def _close(self, partition: int, outcome: int) -> None:
        """The outsider commits or aborts."""
        producer = self._outsiders.pop(partition % PARTITIONS, None)
        if producer is not None:
            self.tell(f"the outsider {'aborts' if outcome % 3 == 0 else 'commits'}: {producer[0]}")
            (self.broker.abort if outcome % 3 == 0 else self.broker.commit)(producer)

    def _produce(self, partition: int, producer: Producer | None) -> None:
        out = self.workload.next_input(partition, self.broker.now_ms)
        if out is not None:
            self.broker.produce(producer, out)

    def _pass(self, seconds: int, _: int) -> None:
        self.broker.now_ms += (1 + seconds % 12) * 1000
        self.tell("time passes")

    def _launch(self, number: int, _: int) -> None:
        """The supervisor starts a worker, or starts it again."""
        if self._worker(number) is None:
            self._start(NAMES[number % len(NAMES)])

    def _kill(self, number: int, _: int) -> None:
        worker = self._worker(number)
        if worker is not None:
            worker.kill()

    def _stop(self, number: int, _: int) -> None:
        worker = self._worker(number)
        if worker is not None:
            worker.stop()

    def _pause(self, number: int, _: int) -> None:
        worker = self._worker(number)
        if worker is not None and not worker.paused:
            worker.tell("falls asleep")
            worker.paused = True

    def _wake(self, number: int, _: int) -> None:
        worker = self._worker(number)
        if worker is not None and worker.paused:
            worker.tell("wakes up")
            worker.paused = False

    def _expire(self, number: int, _: int) -> None:
        """The session of a member times out, whether it is dead, asleep or only cut off."""
        members = self.group.members
        if members:
            self._shut_out(members[number % len(members)])

    def _shut_out(self, worker: Worker) -> None:
        worker.tell("is taken for dead by the group")
        self.group.remove(worker)
        worker.tell_rebalance()

    def _compact(self, partition: int, upto: int) -> None:
        """Deleted keys leave no trace only when nobody is reading, as with delete.retention.ms of a day."""
        log = self.broker.log(self.spec.changelog, partition % PARTITIONS)
        reading = any(worker.alive and worker.loop.jobs for worker in self.workers.values())
        gone = log.compact(log.end - upto % 10, drop_tombstones=not reading)
        self.tell(f"the changelog of partition {log.partition} is compacted: {gone} entries go")

    def _timeout(self, number: int, _: int) -> None:
        """transaction.timeout.ms of a stage's transaction."""
        ids = [i for i in self.broker.open_ids if not i.startswith("outsider")]
        if ids:
            self.broker.expire(ids[number % len(ids)])
            self.tell(f"the transaction of {ids[number % len(ids)]} times out")

    def _reject(self, number: int, _: int) -> None:
        """The broker will reject the next record of a worker."""
        worker = self._worker(number)
        if worker is not None:
            worker.produce_fails = True

    def _lag(self, number: int, _: int) -> None:
        worker = self._worker(number)
        if worker is not None:
            worker.show_lag()

    def _lose(self, number: int, _: int) -> None:
        worker = self._worker(number)
        poll = worker.consumer.lose() if worker is not None else None
        if worker is not None and poll is not None:
            worker.tell(f"loses a poll on its way: {poll.topic}/{poll.partition} from {poll.start}")

    def discard(self) -> None:
        """Nothing of the processes is left for the garbage collector to finish."""
        for worker in (*self._gone, *self.workers.values()):
            worker.loop.discard()

    def settle(self) -> None:
        """Faults end: sleepers wake, the dead start again, the rest of the input comes, all is folded."""
        self.tell("faults end here")
        self.faust_dawdles = False
        for number in range(PARTITIONS):
            self._close(number, 1)
            for _ in range(self.workload.rest):
                self._produce(number, None)
        random = Random(0)
        for rounds in range(_ROUNDS):
            self._revive()
            self._run_all(random)
            if self._is_settled():
                return
            self.broker.now_ms += 1000
            if rounds % 20 == 19:
                for transactional_id in self.broker.open_ids:
                    self.broker.expire(transactional_id)
        self.judge.found.append(Violation("STUCK", f"not settled {_ROUNDS} s after the last fault"))

    def _revive(self) -> None:
        for member in self.group.members:
            if not member.alive:
                self._shut_out(member)
        for number, name in enumerate(NAMES):
            worker = self.workers.get(name)
            if worker is None or not worker.alive:
                self._start(name)
            else:
                worker.produce_fails = False
                self._wake(number, 0)

    def _run_all(self, random: Random) -> None:
        for _ in range(3000):
            stepped = [worker.step(random) for worker in self.workers.values()]
            if not any(stepped):
                return
            self.broker.now_ms += 1

    def _is_settled(self) -> bool:
        if not all(w.alive and w.ownership.ready and not w.loop.jobs for w in self.workers.values()):
            return False
        return all(self._is_read(partition) for partition in range(PARTITIONS))

    def _is_read(self, partition: int) -> bool:
        positions = view_changelog(self.broker.read(self.spec.changelog, partition)).positions
        for topic in self.spec.inputs:
            visible = self.broker.read(topic, partition, self.mechanisms.input_reads_committed)
            if visible and positions.get(topic, 0) <= visible[-1].offset:
                return False
        return True


def run_history(world: World, steps: Sequence[Step]) -> list[Violation]:
    """All steps, then peace, then the verdict."""
    try:
        for step in steps:
            world.do(step)
        world.settle()
        return world.judge.verdict(world)
    finally:
        world.discard()
