"""From append to carrier-events until route-status or exception can be read, by gather time and rate.

python -m tests.bench.bench_latency [--gtfs FOLDER] [--gather 0,25,50,100,200] [--rates 10,500,half,5000]
    [--answers]

All stages run on a real Kafka and Redis. Some minutes of a day, copied to as many vehicles as report at that
rate, are sent in their order; each record says by its instant which report led to it. Read with
read_committed. A gather time of 0 is 1 ms, the least that can be set.

Beyond 500/s the vehicles of 500/s report faster, by the factor in the table: ticks, which come every 10 s of
their time, and what falls due do so as much more often than in an installation of that rate. `half` is half
of what this machine keeps up with, found by sending as fast as possible. `--answers` adds how long after a
report that led to a question the delay model's answer can be read in route-events, as track does; all of that
topic is read for it, so it is meant for low rates.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from confluent_kafka import OFFSET_END, Consumer, Producer, TopicPartition

from controltower.clock import epoch_ms_of
from controltower.intake import RECEIVED_AT_HEADER
from controltower.streaming.client import produce_all
from controltower.streaming.kafka_config import producer_config, reader_config
from controltower.streaming.stage import Out
from schemas.topics import EXCEPTIONS, ROUTE_EVENTS, ROUTE_STATUS
from tests.bench.bench_full import recorded_day
from tests.bench.copied_day import PARTITIONS, CopiedDay, copied_day
from tests.bench.measuring import table
from tests.bench.whole_tower import WholeTower
from tests.kafka import real_kafka_or_reason

#: Vehicles for more than this are more than this machine opens within a minute.
_MOST_VEHICLES_FOR = 500.0
#: Reports sent as fast as possible, and seconds of each rate.
_FIRST = 20_000
_SECONDS = {10: 40.0, 500: 15.0, 5000: 16.0}
_OTHER_SECONDS = 8.0
#: After the last report of a rate, its records may still come for so long.
_TAIL_S = 3.0

Report = tuple[str, int]
#: When it was read (ms), its topic and its value.
Read = tuple[float, str, bytes]
_ANSWER = b'{"schema":"controltower.score/1"'


class _Told(msgspec.Struct):
    """Which route, and the instant of the report that led to it."""

    route_id: str | None = None
    as_of: datetime | None = None
    detected_at: datetime | None = None
    transition: str | None = None


_decode_told = msgspec.json.Decoder(_Told).decode


class _Vehicle(msgspec.Struct):
    trip_id: str = ""
    start_date: str = ""


class _Position(msgspec.Struct):
    trip: _Vehicle


class _Entity(msgspec.Struct):
    vehicle: _Position


_decode_entity = msgspec.json.Decoder(_Entity).decode


@dataclass(slots=True)
class Sample:
    """One rate under one gather time."""

    rate: float
    latencies_ms: list[float] = field(default_factory=list)
    answers_ms: list[float] = field(default_factory=list)
    exceptions: int = 0
    core_share: float = 0.0
    by_stage: dict[str, float] = field(default_factory=dict)

    def centile(self, percent: int, of_last_third: bool = False) -> float:
        return _centile(self.latencies_ms[len(self.latencies_ms) // 3 * 2 if of_last_third else 0 :], percent)

    def centile_of_answers(self, percent: int) -> float:
        return _centile(self.answers_ms, percent)


def _centile(values: Sequence[float], percent: int) -> float:
    return statistics.quantiles(values, n=100)[percent - 1] if len(values) > 1 else float("nan")


class Sender:
    """Sends at a rate, and knows when the broker appended each report."""

    def __init__(self, brokers: str, reports: Iterable[Out]) -> None:
        self._producer = Producer({**producer_config(brokers, {}), "linger.ms": 0})
        self._reports = iter(reports)
        self.appended_ms: dict[Report, int] = {}

    def send(self, events: int) -> None:
        """The next so many reports, and the marks between them."""
        while events > 0:
            out = next(self._reports)
            place: dict[str, Any] = {"key": out.key, "value": out.value, "headers": list(out.headers)}
            if out.value is not None:
                place["on_delivery"] = self._appended(out)
                events -= 1
            self._producer.produce(out.topic, partition=out.partition, **place)
            self._producer.poll(0)

    def serve(self) -> None:
        self._producer.poll(0)

    def _appended(self, out: Out) -> Callable[[Any, Any], None]:
        def note(error: Any, message: Any) -> None:
            assert error is None, error
            assert out.value is not None
            trip = _decode_entity(out.value).vehicle.trip
            received_ms = int(dict(out.headers)[RECEIVED_AT_HEADER])
            report = (f"{trip.trip_id}@{trip.start_date}", received_ms)
            self.appended_ms.setdefault(report, message.timestamp()[1])

        return note


def measure_rate(whole: WholeTower, sender: Sender, reader: Consumer, rate: float) -> Sample:
    """Send for a while and match what is read with what was sent."""
    sample, read = Sample(rate), list[Read]()
    seconds = _SECONDS.get(int(rate), _OTHER_SECONDS)
    total, sent = int(rate * seconds), 0
    before, began = whole.cpu_s(), time.monotonic()
    while time.monotonic() < began + seconds:
        due = min(total, int((time.monotonic() - began) * rate))
        sender.send(due - sent)
        sent = due
        sender.serve()
        read += _read(reader, 0.002)
    after, elapsed = whole.cpu_s(), time.monotonic() - began
    sample.by_stage = {stage: (after[stage] - before[stage]) / elapsed for stage in after}
    sample.core_share = sum(sample.by_stage.values())
    ends = time.monotonic() + _TAIL_S
    while time.monotonic() < ends:
        sender.serve()
        read += _read(reader, 0.05)
    _match(sample, sender, read)
    return sample


def _read(reader: Consumer, timeout_s: float) -> list[Read]:
    messages = reader.consume(500, timeout_s)
    now_ms = time.time() * 1000
    read = [(now_ms, m.topic() or "", m.value()) for m in messages if not m.error()]
    return [
        (read_ms, topic, value)
        for read_ms, topic, value in read
        if value is not None and (topic != ROUTE_EVENTS or value.startswith(_ANSWER))
    ]


def _match(sample: Sample, sender: Sender, read: Iterable[Read]) -> None:
    """What a deadline led to has no report, and is left out."""
    for read_ms, topic, value in read:
        told, is_exception = _decode_told(value), topic == EXCEPTIONS
        at = told.detected_at if is_exception else told.as_of
        if told.route_id is None or at is None or (is_exception and told.transition != "OPENED"):
            continue
        appended = sender.appended_ms.get((told.route_id, epoch_ms_of(at)))
        if appended is not None:
            latencies = sample.answers_ms if topic == ROUTE_EVENTS else sample.latencies_ms
            latencies.append(read_ms - appended)
            sample.exceptions += is_exception


def measure_gather(
    brokers: str, day: CopiedDay, gather_ms: int, rates: Sequence[str], topics: Sequence[str]
) -> Iterator[Sample]:
    """One tower with one gather time through rates that have the same vehicles."""
    wait = str(max(1, gather_ms))
    with (
        tempfile.TemporaryDirectory() as folder,
        WholeTower(brokers, Path(folder), 1, PARTITIONS, fetch_wait_ms=wait) as whole,
    ):
        whole.open(day)
        reports, limit = day.reports(), 0.0
        if "half" in rates:
            began = time.monotonic()
            produce_all(brokers, itertools.islice(reports, _FIRST))
            whole.wait_drained()
            limit = _FIRST / (time.monotonic() - began)
        sender, reader = Sender(brokers, reports), _reader(brokers, topics)
        for rate in rates:
            yield measure_rate(whole, sender, reader, limit / 2 if rate == "half" else float(rate))
            whole.wait_drained()
        reader.close()


def _reader(brokers: str, topics: Sequence[str]) -> Consumer:
    reader = Consumer({**reader_config(brokers, {}, "bench-latency"), "fetch.wait.max.ms": 100})
    reader.assign([TopicPartition(topic, p, OFFSET_END) for topic in topics for p in range(PARTITIONS)])
    reader.consume(1, 1.0)
    return reader


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gtfs", type=Path, default=recorded_day())
    parser.add_argument("--minutes", type=int, default=5, help="of the middle of the day")
    parser.add_argument("--gather", default="0,25,50,100,200")
    parser.add_argument("--rates", default="10,500,half,5000")
    parser.add_argument("--answers", action="store_true", help="of the delay model, too")
    options = parser.parse_args()
    topics = (ROUTE_STATUS, EXCEPTIONS, *([ROUTE_EVENTS] if options.answers else []))
    rows = []
    with real_kafka_or_reason() as kafka:
        for day, rates in _days_of(options):
            for gather in options.gather.split(","):
                for sample in measure_gather(kafka.brokers, day, int(gather), rates, topics):
                    rows.append(row_of(int(gather), sample, sample.rate / day.reports_per_s))
                    print(*rows[-1], sample.by_stage, file=sys.stderr, flush=True)
    print(table(HEAD, rows))


def _days_of(options: argparse.Namespace) -> Iterator[tuple[CopiedDay, list[str]]]:
    """Each rate with as many vehicles as report at it; rates that have the same ones together."""
    one = copied_day(options.gtfs, 1, options.minutes).reports_per_s
    rates_by_copies: dict[int, list[str]] = {}
    for rate in options.rates.split(","):
        wanted = _MOST_VEHICLES_FOR if rate == "half" else min(float(rate), _MOST_VEHICLES_FOR)
        rates_by_copies.setdefault(max(1, round(wanted / one)), []).append(rate)
    for copies, rates in rates_by_copies.items():
        yield copied_day(options.gtfs, copies, options.minutes), rates


HEAD = (
    "gather ms",
    "reports/s",
    "faster",
    "p50 ms",
    "p99 ms",
    "p99 of the last third",
    "records",
    "% of a core",
    "answers",
    "p50 ms",
    "p99 ms",
)


def row_of(gather_ms: int, sample: Sample, faster: float) -> list[str]:
    return [
        str(gather_ms),
        f"{sample.rate:,.0f}",
        f"{faster:.1f} x",
        f"{sample.centile(50):.0f}",
        f"{sample.centile(99):.0f}",
        f"{sample.centile(99, of_last_third=True):.0f}",
        f"{len(sample.latencies_ms):,} ({sample.exceptions})",
        f"{sample.core_share * 100:.0f}",
        f"{len(sample.answers_ms):,}",
        f"{sample.centile_of_answers(50):.0f}",
        f"{sample.centile_of_answers(99):.0f}",
    ]


if __name__ == "__main__":
    main()
