"""How long it takes to take over the state of many routes: the folds alone, then the stage on a real Kafka.

python -m tests.bench.bench_restore [--routes 100000] [--stops 40] [--no-kafka]

Every route is underway, with a state, a plan of its own and a path of its own; the changelog holds each
state twice, as one does that is not quite compacted. Also 100,000 vehicles, parcels and homes for the
folds of the other stages.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from random import Random

import msgspec
import psutil

from agents.app import build_stage
from controltower import polyline
from controltower.route.fold import STATE_KEY, TrackFold
from controltower.route.plans import PlanShelf
from controltower.route.state import SCHEMA, RouteState, decode_state, encode_state
from controltower.route.timeline import from_ms
from controltower.settings import load_settings
from controltower.streaming.client import produce_all
from controltower.streaming.positions import Position, encode_position, position_key
from controltower.streaming.stage import Out, Record
from schemas import topics, wire
from tests.bench.bench_track import PARTITIONS, cpu_s
from tests.fixtures.keep_changelog import read_kept
from tests.integration.tower import Tower, fresh_topics, wait_until
from tests.kafka import real_kafka_or_reason

START_MS = 1_767_258_000_000
_LEG_S = 300
_DEGREES_PER_LEG = 0.01
_FIXES = 60
#: its path, its plan, its state
_ENTRIES_A_ROUTE = 3
Entry = tuple[bytes, bytes]


def make_plan(route: int, stops: int) -> wire.Plan:
    """A round due north, a stop every five minutes, with a path of 4 points a leg that is its own."""
    lon = 8.0 + route * 1e-5
    legs = [
        wire.Stop(
            stop_id=f"R{route}-S{i}",
            sequence=i,
            lat=50.0 + i * _DEGREES_PER_LEG,
            lon=lon,
            planned_arrival=from_ms(START_MS + i * _LEG_S * 1000),
            planned_departure=from_ms(START_MS + i * _LEG_S * 1000 + 60_000),
            promised_by=from_ms(START_MS + (i + 1) * _LEG_S * 1000),
            service_s=60.0,
            shipment_ids=(f"P{route}-{i}",),
        )
        for i in range(stops)
    ]
    bends = Random(route)
    path = [
        (50.0 + k * _DEGREES_PER_LEG / 4, lon + bends.gauss(0.0, 2e-4)) for k in range(4 * (stops - 1) + 1)
    ]
    return wire.Plan(
        route_id=f"R{route}",
        version=1,
        carrier="acme",
        departs_at=legs[0].planned_departure,
        ends_by=legs[-1].planned_departure,
        stops=tuple(legs),
        path=polyline.encode(path),
        received_at=from_ms(START_MS - 3_600_000),
    )


def make_scan(route: int, fix: int) -> wire.Scan:
    """The van half a minute further."""
    at = from_ms(START_MS + fix * 30_000)
    return wire.Scan(
        scan_id=f"scan-{route}-{fix}",
        feed="test",
        carrier="acme",
        tenant="default",
        route_id=f"R{route}",
        vehicle_id=f"V{route}",
        occurred_at=at,
        received_at=at,
        place=wire.Place(lat=50.0 + fix * _DEGREES_PER_LEG / 10, lon=8.0 + route * 1e-5),
        source=wire.Source("carrier-events", 0, fix),
    )


def underway(stops: int) -> RouteState:
    """The state of one route after half an hour."""
    fold = TrackFold(0, 1, lambda: 0)
    events: list[object] = [make_plan(0, stops), *(make_scan(0, fix) for fix in range(_FIXES))]
    records = [Record(topics.ROUTE_EVENTS, 0, i, 0, None, wire.encode(e)) for i, e in enumerate(events)]
    changes = dict(fold.fold(records).changes)
    return decode_state(changes[STATE_KEY + b"R0"] or b"")


def entries_of(routes: Iterable[int], stops: int) -> Iterator[Entry]:
    """The changelog entries of these routes."""
    state, shelf = underway(stops), PlanShelf()
    for route in routes:
        shelf.put(make_plan(route, stops))
        for key, value in shelf.take_changes():
            yield key, value or b""
        own = msgspec.structs.replace(state, route_id=f"R{route}", vehicle_id=f"V{route}")
        yield STATE_KEY + own.route_id.encode(), encode_state(own)


def resident_mib() -> float:
    return psutil.Process().memory_info().rss / 2**20


def measure_track(entries: Sequence[Entry], routes: int) -> None:
    """restore() of every entry and restored(), then the first scan of each of a thousand routes."""
    fold, before, began = TrackFold(0, 1, lambda: 0), resident_mib(), time.process_time()
    for key, value in entries:
        fold.restore(key, value)
    read = time.process_time()
    fold.restored()
    done = time.process_time()
    touched = [
        Record(topics.ROUTE_EVENTS, 0, i, 0, None, wire.encode(make_scan(i, _FIXES))) for i in range(1000)
    ]
    began_fold = time.process_time()
    fold.fold(touched)
    first_us = (time.process_time() - began_fold) * 1000
    size = sum(len(key) + len(value) for key, value in entries)
    print(
        f"track: {len(entries):,} entries of {routes:,} routes, {size / 2**20:,.0f} MiB: "
        f"restore {read - began:.2f} s, restored {done - read:.2f} s CPU; "
        f"first record of a route {first_us:.0f} us; {resident_mib() - before:,.0f} MiB more resident"
    )


def measure_others(copies: int) -> None:
    """The first state of each other stage that the kept day has, many times."""
    settings = load_settings({})
    for stage, prefix in (("normalize", b"v/"), ("assign", b"s/"), ("recover", b"h/")):
        kept = next(
            e for e in read_kept(1) if e.stage == stage and e.kind == "state" and (e.key or b"")[:2] == prefix
        )
        key, value = kept.key or b"", kept.value or b""
        fold, began = build_stage(stage, settings).make_fold(0, 1), time.process_time()
        for number in range(copies):
            fold.restore(b"%s-%d" % (key, number), value)
        fold.restored()
        print(f"{stage}: {copies:,} entries of {len(value)} bytes in {time.process_time() - began:.2f} s CPU")


def fill(brokers: str, entries: Sequence[Entry]) -> int:
    """The changelog of track, each state twice, and the positions; returns the bytes."""
    changelog, size = topics.changelog_of("track"), 0

    def outs() -> Iterator[Out]:
        nonlocal size
        for partition in range(PARTITIONS):
            where = encode_position(Position(0, None, SCHEMA))
            yield Out(changelog, position_key(topics.ROUTE_EVENTS), where, partition)
        for number, (key, value) in enumerate(entries):
            for _ in range(2 if key.startswith(STATE_KEY) else 1):
                size += len(key) + len(value)
                yield Out(changelog, key, value, number // _ENTRIES_A_ROUTE % PARTITIONS)

    produce_all(brokers, outs())
    return size


def measure_stage(brokers: str, entries: Sequence[Entry], routes: int, folder: Path) -> None:
    """From the start of the process to ready."""
    fresh_topics(brokers)
    size = fill(brokers, entries)
    tower = Tower(brokers, "controltower", folder, "redis://127.0.0.1:1")
    began = time.monotonic()
    process = psutil.Process(tower.start("track", "worker", "--stage", "track").pid)
    wait_until("track is ready", lambda: len(tower.ready_partitions("track")) == PARTITIONS)
    seconds, used = time.monotonic() - began, cpu_s(process)
    print(
        f"stage track: {routes:,} routes, {size / 2**20:,.0f} MiB of changelog: ready after {seconds:.1f} s, "
        f"{used:.1f} s CPU, {process.memory_info().rss / 2**20:,.0f} MiB resident"
    )
    progress = [line for line in tower.log("track").splitlines() if '"restoring"' in line]
    print("\n".join(progress[-2:]))
    tower.stop("track")
    tower.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--routes", type=int, default=100_000)
    parser.add_argument("--stops", type=int, default=40)
    parser.add_argument("--no-kafka", action="store_true")
    options = parser.parse_args()
    entries = list(entries_of(range(options.routes), options.stops))
    measure_track(entries, options.routes)
    measure_others(100_000)
    if options.no_kafka:
        return
    with real_kafka_or_reason() as kafka, tempfile.TemporaryDirectory() as folder:
        measure_stage(kafka.brokers, entries, options.routes, Path(folder))


if __name__ == "__main__":
    main()
