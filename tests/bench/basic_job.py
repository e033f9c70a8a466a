"""The basic job of every engine: decode a scan, fold it into a small state per route, keep that durably.

A scan is 205 bytes of JSON. The state of a route counts its scans and keeps the last place; a scan with the
milestone DELIVERED puts the state out. The first and the last scan of every partition are such scans, of
routes of their own: they show when an engine began and when it was done.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

import msgspec

from controltower.streaming.partitioner import partition_of
from controltower.streaming.stage import Out

SCAN_BYTES = 205
PARTITIONS = 4
ROUTES = 2_000
_STARTS_AT_MS = 1_739_900_000_000


class Scan(msgspec.Struct):
    """One report of a vehicle."""

    scan_id: str
    route_id: str
    occurred_at: int
    lat: float
    lon: float
    speed_mps: float
    milestone: str | None = None


class RouteState(msgspec.Struct):
    """What the job keeps per route."""

    count: int = 0
    last_at: int = 0
    lat: float = 0.0
    lon: float = 0.0
    fastest_mps: float = 0.0


def apply(state: RouteState, scan: Scan) -> None:
    """Fold one scan."""
    state.count += 1
    if scan.occurred_at >= state.last_at:
        state.last_at, state.lat, state.lon = scan.occurred_at, scan.lat, scan.lon
    state.fastest_mps = max(state.fastest_mps, scan.speed_mps)


def mark_route(section: int, partition: int) -> str:
    """The route of the mark that ends a section of a partition's log; it hashes into that partition."""
    for number in range(1000):
        name = f"mark-{section}-{partition}-{number}"
        if partition_of(name.encode(), PARTITIONS) == partition:
            return name
    raise AssertionError("a thousand names miss one of four partitions")


def mark_of(key: bytes) -> tuple[int, int] | None:
    """(section, partition) where the key is that of a mark."""
    words = key.decode().strip('"').split("-")
    return (int(words[1]), int(words[2])) if words[0] == "mark" else None


def basic_records(topic: str, sections: Sequence[int]) -> Iterator[Out]:
    """The log of the job: marks, then as many scans as each section says with marks behind them."""
    dice = random.Random(7)
    number = 0
    yield from _marks(topic, 0)
    for section, events in enumerate(sections, 1):
        for _ in range(events):
            number += 1
            yield _scan(topic, number, f"R-{dice.randrange(ROUTES):05d}", None)
        yield from _marks(topic, section)


def _marks(topic: str, section: int) -> Iterator[Out]:
    for partition in range(PARTITIONS):
        yield _scan(topic, section, mark_route(section, partition), "DELIVERED")


def _scan(topic: str, number: int, route_id: str, milestone: str | None) -> Out:
    value = {
        "scan_id": f"S-{number:012d}",
        "route_id": route_id,
        "vehicle_id": f"V-{route_id[-5:]}",
        "occurred_at": _STARTS_AT_MS + number,
        "lat": round(38.9 + number % 997 / 1e4, 6),
        "lon": round(-77.0 - number % 991 / 1e4, 6),
        "speed_mps": number % 173 / 10,
        "milestone": milestone,
        "note": "",
    }
    encoded = msgspec.json.encode(value)
    value["note"] = "x" * (SCAN_BYTES - len(encoded))
    return Out(topic, route_id.encode(), msgspec.json.encode(value))
