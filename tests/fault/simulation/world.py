"""Everything in one history: broker, group, two workers, and outsiders that write the input."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from tests.fault.simulation.broker import Broker
from tests.fault.simulation.group import Group
from tests.fault.simulation.judge import Judge
from tests.fault.simulation.log import Producer
from tests.fault.simulation.mechanisms import Mechanisms
from tests.fault.simulation.worker import Worker
from tests.fault.simulation.workloads import Workload

PARTITIONS = 2
START_MS = 1_767_258_000_000
NAMES = ("A", "B")


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
        #: open transactions of those who write the input, by partition
        self.outsiders: dict[int, Producer] = {}
        self._incarnations = 0
        #: transactional ids that were made for one assignment
        self.ids_given = 0
        #: the process that runs, or ran last, under each name
        self.workers: dict[str, Worker] = {}
        self._gone: list[Worker] = []
        self.start("A")

    def tell(self, what: str) -> None:
        if self._tell is not None:
            self._tell(f"{(self.broker.now_ms - START_MS) / 1000:9.3f} s  {what}")

    def now_s(self) -> float:
        return self.broker.now_ms / 1000

    def find_worker(self, number: int) -> Worker | None:
        """The living process with this number."""
        worker = self.workers.get(NAMES[number % len(NAMES)])
        return worker if worker is not None and worker.alive else None

    def start(self, name: str) -> None:
        """What the supervisor does."""
        self._incarnations += 1
        if name in self.workers:
            self._gone.append(self.workers[name])
        worker = Worker(self, f"{name}{self._incarnations}", self._skews_ms[name])
        self.workers[name] = worker

    def shut_out(self, worker: Worker) -> None:
        """Its session is over; it hears of it at its next heartbeat, if it lives."""
        worker.tell("is taken for dead by the group")
        self.group.remove(worker)
        worker.tell_rebalance()

    def produce(self, partition: int, producer: Producer | None = None) -> None:
        """The next record of the workload, plainly or in a transaction."""
        out = self.workload.next_input(partition, self.broker.now_ms)
        if out is not None:
            self.broker.produce(producer, out)

    def discard(self) -> None:
        """Nothing of the processes is left for the garbage collector to finish."""
        for worker in (*self._gone, *self.workers.values()):
            worker.loop.discard()
