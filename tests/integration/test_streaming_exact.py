"""A stage on a real Kafka is exact through every way in which its processes can end or hang."""

from __future__ import annotations

import random
import signal
import threading
import time
from itertools import pairwise
from pathlib import Path

import pytest

from controltower.streaming.exits import Exit
from tests.integration.toy import PARTITIONS, Toy, Worker, stop_all, toy_run, wait_for
from tests.kafka import RealKafka

pytestmark = pytest.mark.kafka
RECORDS = 20_000


def produce_slowly(toy: Toy, seconds: float, records: int = RECORDS, start: int = 0) -> threading.Thread:
    """Produce the records over the time, in a thread."""

    def produce() -> None:
        steps = 20
        bounds = [start + records * step // steps for step in range(steps + 1)]
        for first, end in pairwise(bounds):
            toy.produce(end - first, start=first)
            time.sleep(seconds / steps)

    thread = threading.Thread(target=produce)
    thread.start()
    return thread


def test_plain_run_is_exact(real_kafka: RealKafka, tmp_path: Path) -> None:
    """One worker, a backlog: each output once, states right, SIGTERM exits 0."""
    with toy_run(real_kafka.brokers, tmp_path) as toy:
        toy.produce(RECORDS)
        worker = toy.start()
        toy.wait_outputs(RECORDS)
        assert worker.terminate() == Exit.CLEAN, worker.text()
        assert toy.differences() == []


def test_kill_nine_at_random_moments(real_kafka: RealKafka, tmp_path: Path) -> None:
    """kill -9 in the middle of the load, again and again: nothing lost, nothing twice."""
    dice = random.Random(4)
    rounds = 4
    with toy_run(real_kafka.brokers, tmp_path) as toy:
        for number in range(rounds):
            worker = toy.start()
            worker.wait_ready()
            producing = produce_slowly(toy, 1.5, RECORDS // rounds, number * RECORDS)
            time.sleep(dice.uniform(0.1, 1.5))
            worker.kill()
            producing.join()
        last = toy.start()
        last.wait_ready()
        toy.wait_outputs(RECORDS // rounds * rounds)
        assert last.terminate() == Exit.CLEAN
        assert toy.differences() == []


def test_sigterm_restarts(real_kafka: RealKafka, tmp_path: Path) -> None:
    """Restarts under load: each exits 0 and the next goes on at once."""
    with toy_run(real_kafka.brokers, tmp_path) as toy:
        producing = produce_slowly(toy, 6.0)
        for _ in range(5):
            worker = toy.start()
            worker.wait_ready()
            time.sleep(0.5)
            assert worker.terminate() == Exit.CLEAN, worker.text()
        producing.join()
        last = toy.start()
        last.wait_ready()
        toy.wait_outputs(RECORDS)
        assert last.terminate() == Exit.CLEAN
        assert toy.differences() == []


def let_one_sleep(toy: Toy) -> tuple[Worker, Worker]:
    """One worker sleeps between fold and write, the other takes over and finishes; then the one wakes."""
    sleeper = toy.start(sleep_after=RECORDS // 4)
    sleeper.wait_ready()
    producing = produce_slowly(toy, 3.0)
    sleeper.wait_asleep()
    other = toy.start()
    other.wait_ready()
    producing.join()
    toy.wait_outputs(RECORDS)
    sleeper.signal(signal.SIGCONT)
    return sleeper, other


def test_a_sleeper_is_fenced(real_kafka: RealKafka, tmp_path: Path) -> None:
    """SIGSTOP beyond the session timeout: the other takes over; what the sleeper then writes is refused."""
    with toy_run(real_kafka.brokers, tmp_path) as toy:
        sleeper, other = let_one_sleep(toy)
        assert sleeper.wait() == Exit.RESTART, sleeper.text()
        assert "has a new owner" in sleeper.text()
        assert other.terminate() == Exit.CLEAN
        assert toy.differences() == []


def test_workers_join_and_leave(real_kafka: RealKafka, tmp_path: Path) -> None:
    """Two workers share the partitions; one leaves, one joins, under load."""
    with toy_run(real_kafka.brokers, tmp_path) as toy:
        producing = produce_slowly(toy, 10.0)
        first, second = toy.start(), toy.start()
        first.wait_ready()
        second.wait_ready()
        time.sleep(1.0)
        assert first.terminate() == Exit.CLEAN, first.text()
        third = toy.start()
        third.wait_ready()
        producing.join()
        toy.wait_outputs(RECORDS)
        assert stop_all([second, third]) == [Exit.CLEAN, Exit.CLEAN], toy.describe()
        assert toy.differences() == []


def test_two_stages_chained(real_kafka: RealKafka, tmp_path: Path) -> None:
    """The second stage reads what the first has committed, while both are killed."""
    with toy_run(real_kafka.brokers, tmp_path) as toy, toy_run(real_kafka.brokers, tmp_path) as second:
        second.source = toy.target
        producing = produce_slowly(toy, 5.0)
        for _ in range(2):
            pair = toy.start(), second.start()
            for worker in pair:
                worker.wait_ready()
            time.sleep(0.7)
            for worker in pair:
                worker.kill()
        producing.join()
        toy.start()
        second.start()
        second.wait_outputs(RECORDS)
        assert toy.differences() == []
        assert second.differences() == []


def test_what_was_taken_back_is_no_lag(real_kafka: RealKafka, tmp_path: Path) -> None:
    """Where only an aborted transaction follows no record comes any more, and yet the group's lag ends."""
    with toy_run(real_kafka.brokers, tmp_path) as toy:
        toy.produce(RECORDS // 20)
        worker = toy.start(limits={"show_lag_every_s": 0.5})
        worker.wait_ready()
        toy.wait_outputs(RECORDS // 20)
        wait_for(toy.has_caught_up, 120, toy.describe)
        _, end = toy.progress()
        toy.take_back(10)
        # Kafka answers before it has written the abort into the partitions; until then no end has moved.
        wait_for(lambda: toy.progress()[1] >= end + 10 * PARTITIONS, 120, toy.describe)
        wait_for(toy.has_caught_up, 120, toy.describe)
        assert worker.terminate() == Exit.CLEAN
        assert toy.differences() == []


@pytest.mark.slow
def test_without_the_fence_the_judge_finds_differences(real_kafka: RealKafka, tmp_path: Path) -> None:
    """Control: with other transactional ids in every process, what the sleeper writes must show."""
    with toy_run(real_kafka.brokers, tmp_path, random_ids=True) as toy:
        let_one_sleep(toy)
        wait_for(lambda: toy.differences() != [], 120, toy.describe)
