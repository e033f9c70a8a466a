"""A straight road with ten stops, one kilometre and two minutes apart, and the records of a van on it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from controltower import polyline
from controltower.route.fold import TrackFold
from controltower.route.path import METRES_PER_DEGREE
from controltower.route.timeline import from_ms
from controltower.streaming.stage import Out, Record
from schemas import wire
from schemas.vocabulary import ExceptionCode

START_MS = 1_767_258_000_000
ROUTE = "R1"
LEG_M = 1000.0
LEG_S = 120
STOPS = 10
#: A promise that no test of motion breaks.
ALL_DAY_S = 40_000
SPEED_MPS = LEG_M / LEG_S
TICKS_ALL_DAY = range(0, 40_000, 10)


def north(metres: float) -> float:
    """Latitude of a point this many metres north of the first stop."""
    return 50.0 + metres / METRES_PER_DEGREE


def east(metres: float) -> float:
    """Longitude of a point this many metres east of the road, near the first stop."""
    return 8.0 + metres / (METRES_PER_DEGREE * 0.6427876)


def make_plan(
    version: int = 1, with_path: bool = True, shipments: int = 0, promise_s: int = ALL_DAY_S
) -> wire.Plan:
    """The plan of the road; every promise is `promise_s` after the planned arrival."""
    stops = tuple(
        wire.Stop(
            stop_id=f"S{i}",
            sequence=i,
            lat=north(i * LEG_M),
            lon=8.0,
            planned_arrival=from_ms(START_MS + i * LEG_S * 1000),
            planned_departure=from_ms(START_MS + i * LEG_S * 1000),
            promised_by=from_ms(START_MS + (i * LEG_S + promise_s) * 1000),
            shipment_ids=tuple(f"P{i}-{k}" for k in range(shipments)),
        )
        for i in range(STOPS)
    )
    path = polyline.encode([(north(m), 8.0) for m in range(-200, 9401, 400)]) if with_path else None
    return wire.Plan(
        route_id=ROUTE,
        version=version,
        carrier="acme",
        departs_at=stops[0].planned_departure,
        ends_by=stops[-1].planned_departure,
        stops=stops,
        path=path,
        received_at=from_ms(START_MS - 3_600_000),
    )


@dataclass(frozen=True)
class Ping:
    """A fix: taken `at_s` after the start, received `delay_s` later."""

    at_s: float
    along_m: float
    side_m: float = 0.0
    delay_s: float = 1.0

    @property
    def received_s(self) -> float:
        return self.at_s + self.delay_s


def drive(from_s: float, to_s: float, from_m: float, every_s: float = 30) -> list[Ping]:
    """Pings at the planned speed."""
    count = int((to_s - from_s) // every_s) + 1
    return [Ping(from_s + i * every_s, from_m + i * every_s * SPEED_MPS) for i in range(count)]


def stand(from_s: float, to_s: float, at_m: float, side_m: float = 0.0, every_s: float = 30) -> list[Ping]:
    """Pings of a van that stands still."""
    count = int((to_s - from_s) // every_s) + 1
    return [Ping(from_s + i * every_s, at_m, side_m) for i in range(count)]


def scan_of(ping: Ping, offset: int) -> wire.Scan:
    """The normalized scan of a ping."""
    return wire.Scan(
        scan_id=f"scan-{ping.at_s}",
        feed="test",
        carrier="acme",
        tenant="default",
        route_id=ROUTE,
        vehicle_id="V1",
        occurred_at=from_ms(START_MS + int(ping.at_s * 1000)),
        received_at=from_ms(START_MS + int(ping.received_s * 1000)),
        place=wire.Place(lat=north(ping.along_m), lon=east(ping.side_m)),
        source=wire.Source("carrier-events", 0, offset),
    )


def tick_at(at_s: float) -> wire.Tick:
    """A tick of the only source."""
    return wire.Tick(source="carrier-events/0", sources=1, upto=from_ms(START_MS + int(at_s * 1000)))


def log_of(events: Iterable[object]) -> list[Record]:
    """The events as records of route-events."""
    return [Record("route-events", 0, i, 0, None, wire.encode(event)) for i, event in enumerate(events)]


def day_of(
    pings: Sequence[Ping], ticks_s: Iterable[float] = (), plan: wire.Plan | None = None
) -> list[Record]:
    """Plan first, then pings and ticks in the order in which they are received."""
    timed: list[tuple[float, int, object]] = [
        (ping.received_s, 0, scan_of(ping, i)) for i, ping in enumerate(pings)
    ]
    timed += [(at, 1, tick_at(at)) for at in ticks_s]
    timed.sort(key=lambda entry: (entry[0], entry[1]))
    return log_of([plan or make_plan(), *(event for _, _, event in timed)])


def new_fold() -> TrackFold:
    """A fold whose wall clock stands still."""
    return TrackFold(0, 1, lambda: 0)


def exceptions_in(outs: Iterable[Out], with_slip: bool = False) -> list[wire.ExceptionRecord]:
    """The exception records among the outputs, in order; any long stand slips, which few tests are about."""
    records = [wire.decode_any(out.value) for out in outs if out.topic == "exceptions" and out.value]
    told = [record for record in records if isinstance(record, wire.ExceptionRecord)]
    return [record for record in told if with_slip or record.code is not ExceptionCode.ETA_SLIP]


def run_day(
    records: Sequence[Record], polls: Sequence[int] = (), with_slip: bool = False
) -> list[wire.ExceptionRecord]:
    """Fold the log in polls of these sizes (the last poll takes the rest)."""
    fold, outs, at = new_fold(), [], 0
    for size in polls:
        outs += fold.fold(records[at : at + size]).outputs
        at += size
    outs += fold.fold(records[at:]).outputs
    return exceptions_in(outs, with_slip)


def told(records: Sequence[wire.ExceptionRecord]) -> list[tuple[str, str]]:
    """(code, transition) of each record."""
    return [(record.code.value, record.transition.value) for record in records]
