"""What a stage makes of a broker that restarts, dies or hangs."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from controltower.streaming.exits import Exit
from tests.integration.toy import PARTITIONS, Toy, Worker, toy_run, wait_for
from tests.kafka import RealKafka

pytestmark = pytest.mark.kafka
RECORDS = 20_000


@contextmanager
def supervised(toy: Toy) -> Iterator[None]:
    """One worker that is started again whenever it exits with the code that asks for it."""
    stop = threading.Event()

    def supervise() -> None:
        while not stop.is_set():
            worker = toy.start()
            while worker.process.poll() is None and not stop.wait(0.1):
                pass
            if stop.is_set():
                worker.terminate()
            else:
                assert worker.process.returncode == Exit.RESTART

    thread = threading.Thread(target=supervise)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@pytest.mark.parametrize("way", ["stop", "kill"])
def test_a_broker_that_comes_back(real_kafka: RealKafka, tmp_path: Path, way: str) -> None:
    """Restarted under load: the stage rides it out or asks for a restart; nothing lost, nothing twice."""
    with toy_run(real_kafka.brokers, tmp_path) as toy:
        toy.produce(RECORDS // 2)
        with supervised(toy):
            wait_for(lambda: toy.count_outputs() > 0, 120, toy.describe)
            getattr(real_kafka, way)()
            real_kafka.start()
            toy.produce(RECORDS // 2, start=RECORDS // 2)
            toy.wait_outputs(RECORDS)
        assert toy.differences() == []


def told(worker: Worker) -> list[dict[str, Any]]:
    lines = [line for line in worker.text().splitlines() if line.startswith("idle ")]
    return [json.loads(line.removeprefix("idle ")) for line in lines]


def ends_that_went_on(worker: Worker, topic: str) -> set[int]:
    """Partitions that were told to be at their end at two times at least."""
    times = {(tell["partition"], tell["ends"][topic]) for tell in told(worker) if tell["ends"]}
    return {partition for partition, count in Counter(p for p, _ in times).items() if count > 1}


def test_a_hanging_broker_is_not_silence(real_kafka: RealKafka, tmp_path: Path) -> None:
    """The end of an idle topic goes with the clock while the broker answers, and stands while it hangs."""
    if not real_kafka.can_fault:
        pytest.skip("needs a broker that a test may pause")
    with toy_run(real_kafka.brokers, tmp_path) as toy:
        worker = toy.start(tells_idle=True)
        wait_for(lambda: ends_that_went_on(worker, toy.source) == set(range(PARTITIONS)), 120, toy.describe)
        for tell in (tell for tell in told(worker) if tell["ends"]):
            assert tell["ends"][toy.source] <= tell["at"]
        real_kafka.pause()
        try:
            paused_at_ms = time.time() * 1000
            before = len(told(worker))
            wait_for(lambda: len(told(worker)) >= before + 3 * PARTITIONS, 90, toy.describe)
        finally:
            real_kafka.resume()
        assert max(t["ends"][toy.source] for t in told(worker)[before:] if t["ends"]) < paused_at_ms + 200
