"""The steps of a history: what goes on, and what goes wrong."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from tests.fault.simulation.world import NAMES, PARTITIONS, World


@dataclass(slots=True, frozen=True)
class Step:
    """`what` with two numbers; every step means something in every world, if only nothing."""

    what: str
    a: int = 0
    b: int = 0


class Steps:
    """One method per step; its numbers are taken modulo what there is."""

    def __init__(self, world: World) -> None:
        self._world, self._broker = world, world.broker

    def do(self, step: Step) -> None:
        """Take one step."""
        getattr(self, step.what)(step.a, step.b)

    def run(self, number: int, seed: int) -> None:
        """Let one worker do some of what it could do."""
        worker, random = self._world.find_worker(number), Random(seed)
        for _ in range(random.choice([1, 3, 10, 40, 100])):
            if worker is None or not worker.step(random):
                return
            self._broker.now_ms += 1

    def append(self, partition: int, records: int) -> None:
        """An outsider writes."""
        count = records % self._world.workload.burst + 1
        for _ in range(count):
            self._world.produce(partition % PARTITIONS)
        self._world.tell(f"an outsider writes {count} records into partition {partition % PARTITIONS}")

    def open(self, partition: int, records: int) -> None:
        """An outsider writes in a transaction that it leaves open for now; other writes wait behind it."""
        number = partition % PARTITIONS
        if number not in self._world.outsiders:
            self._world.outsiders[number] = self._broker.init_transactions(f"outsider-{number}")
            count = records % 2 + 1
            for _ in range(count):
                self._world.produce(number, self._world.outsiders[number])
            self._world.tell(f"an outsider opens a transaction in partition {number}, {count} records")

    def close(self, partition: int, outcome: int) -> None:
        """The outsider commits or aborts."""
        producer = self._world.outsiders.pop(partition % PARTITIONS, None)
        if producer is not None:
            self._world.tell(f"the outsider {'aborts' if outcome % 3 == 0 else 'commits'}: {producer[0]}")
            (self._broker.abort if outcome % 3 == 0 else self._broker.commit)(producer)

    def wait(self, seconds: int, _: int) -> None:
        self._broker.now_ms += (1 + seconds % 12) * 1000
        self._world.tell("time passes")

    def launch(self, number: int, _: int) -> None:
        """The supervisor starts a worker, or starts it again."""
        if self._world.find_worker(number) is None:
            self._world.start(NAMES[number % len(NAMES)])

    def kill(self, number: int, _: int) -> None:
        worker = self._world.find_worker(number)
        if worker is not None:
            worker.kill()

    def stop(self, number: int, _: int) -> None:
        worker = self._world.find_worker(number)
        if worker is not None:
            worker.stop()

    def pause(self, number: int, _: int) -> None:
        worker = self._world.find_worker(number)
        if worker is not None and not worker.paused:
            worker.tell("falls asleep")
            worker.paused = True

    def wake(self, number: int, _: int) -> None:
        worker = self._world.find_worker(number)
        if worker is not None and worker.paused:
            worker.tell("wakes up")
            worker.paused = False

    def expire(self, number: int, _: int) -> None:
        """The session of a member times out, whether it is dead, asleep or only cut off."""
        members = self._world.group.members
        if members:
            self._world.shut_out(members[number % len(members)])

    def compact(self, partition: int, upto: int) -> None:
        """Deleted keys leave no trace only when nobody is reading, as with delete.retention.ms of a day."""
        log = self._broker.log(self._world.spec.changelog, partition % PARTITIONS)
        reading = any(worker.alive and worker.loop.jobs for worker in self._world.workers.values())
        gone = log.compact(log.end - upto % 10, drop_tombstones=not reading)
        self._world.tell(f"the changelog of partition {log.partition} is compacted: {gone} entries go")

    def timeout(self, number: int, _: int) -> None:
        """transaction.timeout.ms of a stage's transaction."""
        ids = [i for i in self._broker.open_ids if not i.startswith("outsider")]
        if ids:
            self._broker.expire(ids[number % len(ids)])
            self._world.tell(f"the transaction of {ids[number % len(ids)]} times out")

    def reject(self, number: int, _: int) -> None:
        """The broker will reject the next record of a worker."""
        worker = self._world.find_worker(number)
        if worker is not None:
            worker.produce_fails = True

    def lag(self, number: int, _: int) -> None:
        worker = self._world.find_worker(number)
        if worker is not None:
            worker.show_lag()

    def lose(self, number: int, _: int) -> None:
        worker = self._world.find_worker(number)
        poll = worker.consumer.lose() if worker is not None else None
        if worker is not None and poll is not None:
            worker.tell(f"loses a poll on its way: {poll.topic}/{poll.partition} from {poll.start}")
