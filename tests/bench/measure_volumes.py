"""Records and bytes on every topic per report, and CPU of the folds: figures of the capacity page.

python -m tests.bench.measure_volumes [--gtfs FOLDER] [--write]

Positions come from the recorded day, scans of parcels from a simulated one; both run through all stages in
one process. A clock window of 10 s is one poll here, as for a vehicle that reports every 10 s or more.
--write puts the figures into controltower/capacity/measured.json.
"""

from __future__ import annotations

import argparse
import gc
import time
import tracemalloc
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from agents.app import build_offline_stages
from controltower.capacity.figures import Figure, save_figures
from controltower.gtfs.folder import read_recorded_day
from controltower.intake import Payload
from controltower.offline.pipeline import Pipeline, SteppedClock
from controltower.settings import load_settings
from controltower.simulate.day import simulate_day
from controltower.streaming.stage import Record
from schemas.topics import BY_NAME, CARRIER_EVENTS, ROUTE_EVENTS, SHIPMENT_EVENTS, changelog_of
from schemas.wire import Plan, Scan, decode_any
from tests.bench.bench_full import recorded_day
from tests.bench.measuring import table

#: What Kafka adds to a record of a batch: lengths, deltas, its share of the batch header.
_OVERHEAD_BYTES = 12
#: Fetching, decoding the batch, and the transaction's share: bench_basic less its own decode and fold.
EDGE_US = 3


class Volumes:
    """Records and bytes by topic, live changelog entries, CPU of each stage's folds, what a fold keeps."""

    def __init__(self) -> None:
        self.records: Counter[str] = Counter()
        self.bytes: Counter[str] = Counter()
        self.live: dict[tuple[str, bytes], int] = {}
        self.logs: dict[str, list[Record]] = {}

    def take(self, record: Record) -> None:
        self.records[record.topic] += 1
        headers = sum(len(name) + len(content or b"") for name, content in record.headers)
        size = len(record.key or b"") + len(record.value or b"") + headers
        self.bytes[record.topic] += size + _OVERHEAD_BYTES
        if record.topic.endswith("-changelog") and record.key is not None and record.value is not None:
            self.live[record.topic, record.key] = size
        elif record.topic in (ROUTE_EVENTS, SHIPMENT_EVENTS):
            self.logs.setdefault(record.topic, []).append(record)

    def live_bytes(self, stage: str, prefix: bytes) -> float:
        """The mean size of the last state under the keys of a kind."""
        sizes = [
            size
            for (topic, key), size in self.live.items()
            if topic == changelog_of(stage) and key.startswith(prefix)
        ]
        return sum(sizes) / len(sizes) if sizes else 0.0


def run_day(plans: Iterable[Plan], arrivals: Iterable[Payload]) -> Volumes:
    settings, clock, volumes = load_settings({}), SteppedClock(), Volumes()
    pipeline = Pipeline(build_offline_stages(settings, clock.now_ms), 1, clock)
    for record in pipeline.run(plans, arrivals):
        volumes.take(record)
    return volumes


def resident_bytes(stage: str, log: Sequence[Record], until_ms: int) -> float:
    """What a fold keeps in memory after its log up to an instant (Python's own allocations)."""
    (spec,) = (s for s in build_offline_stages(load_settings({}), lambda: 0) if s.name == stage)
    fold = spec.make_fold(0, 1)
    fold.restored()
    records = [r for r in log if r.timestamp_ms <= until_ms]
    gc.collect()
    tracemalloc.start()
    for start in range(0, len(records), 500):
        fold.fold(records[start : start + 500])
    gc.collect()
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return float(kept)


def fold_us(stage: str, log: Sequence[Record]) -> float:
    """CPU of the fold alone per record, in polls of 500."""
    (spec,) = (s for s in build_offline_stages(load_settings({}), lambda: 0) if s.name == stage)
    fold = spec.make_fold(0, 1)
    fold.restored()
    began = time.process_time()
    for start in range(0, len(log), 500):
        fold.fold(log[start : start + 500])
    return (time.process_time() - began) / len(log) * 1e6


def shown(volumes: Volumes, reports: int) -> str:
    rows = [
        [name, f"{volumes.records[name] / reports:.3f}", f"{volumes.bytes[name] / reports:.0f}"]
        for name in BY_NAME
        if volumes.records[name]
    ]
    return table(["topic", "records per report", "bytes per report"], rows)


def positions(gtfs: Path) -> dict[str, Figure]:
    """From the recorded day."""
    day = read_recorded_day(gtfs)
    volumes = run_day(day.plans, day.arrivals())
    print(f"{day.arrivals_total:,} positions of {len(day.plans):,} routes")
    print(shown(volumes, day.arrivals_total))
    origin = "recorded WMATA afternoon, python -m tests.bench.measure_volumes"
    found = {
        f"position_bytes.{name}": Figure(round(total / day.arrivals_total, 1), "B/position", origin)
        for name, total in volumes.bytes.items()
    }
    log = volumes.logs[ROUTE_EVENTS]
    half = (log[0].timestamp_ms + max(r.timestamp_ms for r in log if is_scan(r))) // 2
    routes = sum(decode_any(r.value or b"").__class__ is Plan for r in log)
    resident = resident_bytes("track", log, half) / routes
    changelog = volumes.live_bytes("track", b"r/") + volumes.live_bytes("track", b"p/")
    found["route_resident_bytes"] = Figure(round(resident), "B/route", f"{origin}, tracemalloc at half-time")
    found["route_changelog_bytes"] = Figure(round(changelog), "B/route", f"{origin}, state and plan")
    return found


def is_scan(record: Record) -> bool:
    return decode_any(record.value or b"").__class__ is Scan


def parcels() -> dict[str, Figure]:
    """From a simulated day; what assign passes on is a record of route-events, as large as a position's."""
    day = simulate_day(1)
    volumes = run_day(day.plans, day.arrivals)
    scans = sum(decode_any(r.value or b"").__class__ is Scan for r in volumes.logs[SHIPMENT_EVENTS])
    print(f"{len(day.arrivals):,} reports of a simulated day, {scans:,} of them about parcels")
    print(shown(volumes, len(day.arrivals)))
    origin = "simulated day 1, python -m tests.bench.measure_volumes"
    changelog = changelog_of("assign")
    found = {
        f"scan_bytes.{name}": Figure(round(volumes.bytes[name] / scans, 1), "B/scan", origin)
        for name in (SHIPMENT_EVENTS, changelog)
    }
    raw = volumes.bytes[CARRIER_EVENTS] / volumes.records[CARRIER_EVENTS]
    passed = volumes.bytes[ROUTE_EVENTS] / volumes.records[ROUTE_EVENTS]
    found[f"scan_bytes.{CARRIER_EVENTS}"] = Figure(round(raw, 1), "B/scan", origin)
    found[f"scan_bytes.{ROUTE_EVENTS}"] = Figure(round(passed, 1), "B/scan", f"{origin}, each passed on")
    log = volumes.logs[SHIPMENT_EVENTS]
    shipments = sum(topic == changelog for topic, _ in volumes.live)
    resident = resident_bytes("assign", log, log[-1].timestamp_ms) / shipments
    found["shipment_resident_bytes"] = Figure(round(resident), "B/parcel", f"{origin}, tracemalloc")
    found["shipment_changelog_bytes"] = Figure(round(volumes.live_bytes("assign", b"")), "B/parcel", origin)
    us = fold_us("assign", log)
    found["scan_us.assign"] = Figure(
        round(us + EDGE_US, 1), "us/scan", f"{origin}, fold and {EDGE_US} of edge"
    )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gtfs", type=Path, default=recorded_day())
    parser.add_argument("--write", action="store_true", help="into controltower/capacity/measured.json")
    options = parser.parse_args()
    figures = positions(options.gtfs) if options.gtfs else {}
    figures |= parcels()
    for name, figure in figures.items():
        print(f"{name:<50} {figure.value:>10,.1f} {figure.unit}")
    if options.write:
        save_figures(figures)


if __name__ == "__main__":
    main()
