"""Events per second and CPU per event of the track stage as it ships, on a real Kafka.

python -m tests.bench.bench_track [--gtfs FOLDER] [--copies 24]

A day (a recorded GTFS afternoon, or a simulated one) is normalized, copied to many routes at once and put
onto route-events before the stage starts: plans with paths, positions, ticks. Timed is the way from
"ready" to the last tick in recovery-events; start-up is told apart.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
import psutil
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from agents import assign, normalize
from controltower.gtfs.folder import read_recorded_day
from controltower.offline.pipeline import Pipeline, SteppedClock
from controltower.settings import load_settings
from controltower.simulate.day import simulate_day
from controltower.streaming.client import produce_all
from controltower.streaming.kafka_config import reader_config
from controltower.streaming.stage import Out, Record
from schemas import topics, wire
from tests.integration.tower import Tower, fresh_topics, wait_until
from tests.kafka import real_kafka_or_reason

PARTITIONS = 4


def route_events(gtfs: Path | None) -> list[wire.RouteEvent]:
    """The log of one day, all partitions in the order of time."""
    settings, clock = load_settings({}), SteppedClock()
    pipeline = Pipeline((normalize.build(settings), assign.build(clock.now_ms)), 1, clock)
    records = _run(pipeline, gtfs)
    return [wire.decode_route_event(r.value) for r in records if r.topic == topics.ROUTE_EVENTS and r.value]


def _run(pipeline: Pipeline, gtfs: Path | None) -> Iterator[Record]:
    if gtfs is not None:
        recorded = read_recorded_day(gtfs)
        return pipeline.run(recorded.plans, recorded.arrivals())
    simulated = simulate_day(1)
    return pipeline.run(simulated.plans, simulated.arrivals)


def copies_of(events: Iterable[wire.RouteEvent], copies: int) -> Iterator[Out]:
    """Each event once per copy, every copy on routes and vehicles of its own; ticks,
    verdicts about feeds and how far parcels are read into every partition."""
    for event in events:
        if isinstance(event, wire.Tick | wire.FeedsJudged | wire.ShipmentsRead):
            for partition in range(PARTITIONS):
                yield Out(topics.ROUTE_EVENTS, None, wire.encode(event), partition)
            continue
        for copy in range(copies):
            route_id = f"{event.route_id}#{copy}"  # type: ignore[union-attr]
            renamed = msgspec.structs.replace(event, route_id=route_id)
            yield Out(topics.ROUTE_EVENTS, route_id.encode(), wire.encode(renamed))


def await_last_tick(brokers: str, upto: str) -> float:
    """Read recovery-events until every partition has the last tick; the moment of it."""
    reader = Consumer(reader_config(brokers, {}, "bench-track"))
    reader.assign([TopicPartition(topics.RECOVERY_EVENTS, p, OFFSET_BEGINNING) for p in range(PARTITIONS)])
    done: set[int] = set()
    while len(done) < PARTITIONS:
        for message in reader.consume(1000, 0.05):
            if message.error() is None and upto.encode() in message.value():
                done.add(message.partition())
    reader.close()
    return time.monotonic()


def cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def measure(brokers: str, events: list[wire.RouteEvent], copies: int, folder: Path) -> None:
    """One round."""
    fresh_topics(brokers)
    outs = list(copies_of(events, copies))
    produce_all(brokers, iter(outs))
    last = max(e.upto for e in events if isinstance(e, wire.Tick))
    upto = msgspec.json.encode(last).decode()
    tower = Tower(brokers, "controltower", folder, "redis://127.0.0.1:1")
    began = time.monotonic()
    process = psutil.Process(tower.start("track", "worker", "--stage", "track").pid)
    wait_until("track is ready", lambda: len(tower.ready_partitions("track")) == PARTITIONS)
    ready, used = time.monotonic(), cpu_s(process)
    seconds = await_last_tick(brokers, upto) - ready
    used = cpu_s(process) - used
    memory = process.memory_info().rss / 2**20
    tower.stop("track")
    tower.close()
    routes = sum(isinstance(e, wire.Plan) for e in events) * copies
    print(
        f"{len(outs):,} records of {routes:,} routes: {len(outs) / seconds:,.0f}/s, "
        f"{used / len(outs) * 1e6:.1f} us CPU each, ready after {ready - began:.1f} s, "
        f"{memory:,.0f} MiB resident",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gtfs", type=Path)
    parser.add_argument("--copies", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    events = route_events(options.gtfs)
    with real_kafka_or_reason() as kafka:
        for _ in range(options.rounds):
            with tempfile.TemporaryDirectory() as folder:
                measure(kafka.brokers, events, options.copies, Path(folder))


if __name__ == "__main__":
    main()
