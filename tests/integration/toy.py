"""A toy pipeline for the streaming tests: topics of its own, real worker processes, an independent judge."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from confluent_kafka import Consumer, Producer, TopicPartition

from controltower.streaming.client import produce_all, read_topic
from controltower.streaming.kafka_config import reader_config
from controltower.streaming.partitioner import partition_of
from controltower.streaming.positions import find_position_topic
from controltower.streaming.stage import Out, Record
from controltower.streaming.topics import create_topics
from tests.product import product_environment

PARTITIONS = 4
KEYS = 200


@dataclass(frozen=True)
class ToyTopic:
    name: str
    config: dict[str, str] = field(default_factory=dict)
    partitions: int = PARTITIONS
    replication: int = 1


COMPACTED = {"cleanup.policy": "compact", "message.timestamp.type": "LogAppendTime"}


class Worker:
    """A child process of the toy stage with its standard error kept in a file."""

    def __init__(self, settings: dict[str, Any], log: Path) -> None:
        self.log = log
        command = [sys.executable, str(Path(__file__).with_name("toy_stage.py")), json.dumps(settings)]
        with log.open("ab") as out:
            self.process = subprocess.Popen(command, stdout=out, stderr=out, env=product_environment())

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def wait(self, limit_s: float = 90.0) -> int:
        return self.process.wait(limit_s)

    def kill(self) -> int:
        """SIGKILL, also when stopped."""
        self.process.kill()
        return self.process.wait()

    def terminate(self, limit_s: float = 90.0) -> int:
        self.process.terminate()
        return self.process.wait(limit_s)

    def text(self) -> str:
        return self.log.read_text(errors="replace")

    def wait_asleep(self, limit_s: float = 120.0) -> None:
        """Until it has stopped itself (SIGSTOP)."""
        wait_for(
            lambda: psutil.Process(self.process.pid).status() == psutil.STATUS_STOPPED, limit_s, self.text
        )

    def wait_ready(self, limit_s: float = 120.0) -> None:
        """Until it says that it owns its partitions."""
        wait_for(
            lambda: "[info     ] ready " in self.text() or self.process.poll() is not None, limit_s, self.text
        )
        assert self.process.poll() is None, self.text()


class Toy:
    """One run's topics and workers."""

    def __init__(self, brokers: str, directory: Path, **settings: Any) -> None:
        self.brokers = brokers
        self.app = f"toy-{uuid.uuid4().hex[:8]}"
        self._directory = directory
        self._settings = settings
        self.source, self.target, self.changelog = (f"{self.app}-{n}" for n in ("in", "out", "state"))
        self.workers: list[Worker] = []

    def create_topics(self) -> None:
        names = [ToyTopic(self.source), ToyTopic(self.target), ToyTopic(self.changelog, COMPACTED)]
        create_topics(self.brokers, names)

    def start(self, stage: str = "count", **settings: Any) -> Worker:
        default = {
            "brokers": self.brokers,
            "app": self.app,
            "stage": stage,
            "source": self.source,
            "target": self.target,
            "changelog": self.changelog,
        }
        log = self._directory / f"{self.app}-{len(self.workers)}.log"
        worker = Worker({**default, **self._settings, **settings}, log)
        self.workers.append(worker)
        return worker

    def produce(self, records: int, *, start: int = 0) -> None:
        produce_all(self.brokers, toy_records(self.source, records, start))

    def take_back(self, records: int) -> None:
        """An aborted transaction at the end of every partition of the input."""
        producer = Producer({"bootstrap.servers": self.brokers, "transactional.id": f"{self.app}-outsider"})
        producer.init_transactions(30)
        producer.begin_transaction()
        for number in range(records * PARTITIONS):
            producer.produce(self.source, b"taken back", partition=number % PARTITIONS)
        producer.flush(30)
        producer.abort_transaction(30)

    def progress(self) -> tuple[int, int]:
        """Where the group is and where its input ends, offsets of all partitions added up.

        As Kafka's own tools have it: their difference is the lag.
        """
        with closing(Consumer(reader_config(self.brokers, {}, f"{self.app}-count"))) as probe:
            places = [TopicPartition(self.source, number) for number in range(PARTITIONS)]
            read = probe.committed(places, timeout=30)
            ends = [probe.get_watermark_offsets(place, timeout=30)[1] for place in places]
        return sum(max(0, place.offset) for place in read), sum(ends)

    def has_caught_up(self) -> bool:
        read, end = self.progress()
        return read == end

    def outputs(self, topic: str | None = None) -> list[Record]:
        return list(read_topic(self.brokers, [topic or self.target]))

    def count_outputs(self) -> int:
        return len(self.outputs())

    def wait_outputs(self, wanted: int, limit_s: float = 120.0) -> None:
        """Until a read_committed reader has seen at least so many outputs."""
        wait_for(lambda: self.count_outputs() >= wanted, limit_s, self.describe)

    def describe(self) -> str:
        return "\n".join(
            f"--- {w.log.name} exit {w.process.poll()}\n{w.text()[-2000:]}" for w in self.workers
        )

    def differences(self) -> list[str]:
        """What a read_committed reader finds wrong: outputs and final states against the input's fold."""
        expected = fold_offline(read_topic(self.brokers, [self.source]))
        found = Counter((r.key, r.value) for r in self.outputs())
        wrong = [f"lost {out}" for out in sorted((expected.outputs - found).elements())]
        wrong += [f"again {out}" for out in sorted((found - expected.outputs).elements())]
        states = last_values(read_topic(self.brokers, [self.changelog]))
        for key in sorted(expected.counts.keys() | states.keys()):
            if expected.counts.get(key) != states.get(key):
                wrong.append(f"state of {key!r} is {states.get(key)}, not {expected.counts.get(key)}")
        return wrong

    def close(self) -> None:
        for worker in self.workers:
            if worker.process.poll() is None:
                worker.kill()


@dataclass
class Expected:
    outputs: Counter[tuple[bytes, bytes]]
    counts: dict[bytes, int]


def toy_records(topic: str, records: int, start: int = 0) -> Iterator[Out]:
    for number in range(start, start + records):
        yield Out(topic, b"key-%d" % (number * 7919 % KEYS), b"%d" % number)


def fold_offline(records: Iterator[Record]) -> Expected:
    """What exactly-once processing gives, independent of the stage's code."""
    counts: defaultdict[bytes, int] = defaultdict(int)
    outputs: Counter[tuple[bytes, bytes]] = Counter()
    by_partition: defaultdict[int, list[Record]] = defaultdict(list)
    for record in records:
        by_partition[record.partition].append(record)
    for partition, ours in by_partition.items():
        for record in sorted(ours, key=lambda r: r.offset):
            assert record.key is not None
            assert partition_of(record.key, PARTITIONS) == partition
            counts[record.key] += 1
            outputs[record.key, b"%d %b" % (counts[record.key], record.value or b"")] += 1
    return Expected(outputs, dict(counts))


def last_values(records: Iterator[Record]) -> dict[bytes, int]:
    """The changelog's live counts, position records left out."""
    last = {(r.partition, r.key): r.value for r in records if r.key is not None}
    return {
        key: int(value)
        for (_, key), value in last.items()
        if key is not None and value is not None and find_position_topic(key) is None
    }


def wait_for(condition: Callable[[], bool], limit_s: float, describe: Callable[[], str]) -> None:
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {limit_s:.0f} s\n{describe()}"
        time.sleep(0.1)


@contextmanager
def toy_run(brokers: str, directory: Path, **settings: Any) -> Iterator[Toy]:
    toy = Toy(brokers, directory, **settings)
    toy.create_topics()
    try:
        yield toy
    finally:
        toy.close()


def stop_all(workers: Sequence[Worker]) -> list[int]:
    for worker in workers:
        worker.signal(signal.SIGTERM)
    return [worker.wait() for worker in workers]
