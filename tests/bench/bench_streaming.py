"""Throughput, CPU per event and latency of the toy stage on a real Kafka.

python -m tests.bench.bench_streaming [--records 400000] [--rate 500] [--seconds 20]
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import psutil
from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition

from controltower.streaming.kafka_config import producer_config, reader_config
from tests.integration.toy import PARTITIONS, Toy, Worker, toy_run
from tests.kafka import real_kafka_or_reason


def cpu_s(worker: Worker) -> float:
    times = psutil.Process(worker.process.pid).cpu_times()
    return times.user + times.system


def measure_backlog(brokers: str, records: int) -> None:
    """A backlog that is there before the worker starts; timed from its first output to its last."""
    with tempfile.TemporaryDirectory() as scratch, toy_run(brokers, Path(scratch), few_outputs=True) as toy:
        toy.produce(records)
        wanted = records // 200 // 100 * 200  # every hundredth of each of 200 keys
        reader = output_reader(toy)
        worker = toy.start()
        worker.wait_ready()
        started, used = time.monotonic(), cpu_s(worker)
        seen = 0
        while seen < wanted:
            seen += sum(1 for message in reader.consume(2000, 0.05) if message.error() is None)
        seconds, used = time.monotonic() - started, cpu_s(worker) - used
        reader.close()
        worker.terminate()
        print(
            f"backlog: {records} records in {seconds:.1f} s = {records / seconds:,.0f}/s, "
            f"{used / records * 1e6:.1f} us CPU each"
        )


def output_reader(toy: Toy) -> Consumer:
    reader = Consumer(reader_config(toy.brokers, {}, f"{toy.app}-bench"))
    reader.assign([TopicPartition(toy.target, p, OFFSET_BEGINNING) for p in range(PARTITIONS)])
    return reader


def measure_latency(brokers: str, rate: int, seconds: float) -> None:
    """Records at a steady rate; from producing one to reading its output with read_committed."""
    with tempfile.TemporaryDirectory() as scratch, toy_run(brokers, Path(scratch)) as toy:
        worker = toy.start()
        worker.wait_ready()
        reader, producer = output_reader(toy), Producer({**producer_config(brokers, {}), "linger.ms": 0})
        latencies: list[float] = []
        used, started, sent = cpu_s(worker), time.monotonic(), 0
        total = int(rate * seconds)
        while len(latencies) < total:
            due = min(total, int((time.monotonic() - started) * rate))
            while sent < due:
                producer.produce(toy.source, key=b"key-%d" % (sent % 200), value=b"%d" % time.monotonic_ns())
                sent += 1
            producer.poll(0)
            for message in reader.consume(500, 0.002):
                if message.error() is None:
                    latencies.append((time.monotonic_ns() - int(message.value().split()[1])) / 1e6)
        elapsed, used = time.monotonic() - started, cpu_s(worker) - used
        reader.close()
        worker.terminate()
        steady = latencies[len(latencies) // 5 :]
        centiles = statistics.quantiles(steady, n=100)
        print(
            f"latency at {rate}/s: median {centiles[49]:.0f} ms, p99 {centiles[98]:.0f} ms, "
            f"{used / elapsed * 100:.0f} % of a core"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=400_000)
    parser.add_argument("--rate", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=20.0)
    options = parser.parse_args()
    with real_kafka_or_reason() as kafka:
        measure_backlog(kafka.brokers, options.records)
        measure_latency(kafka.brokers, options.rate, options.seconds)


if __name__ == "__main__":
    main()
