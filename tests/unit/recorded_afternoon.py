"""A small recorded day for tests of replay: two vehicles on a straight road, one of them halts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import msgspec

from agents.app import build_offline_stages
from controltower import polyline
from controltower.intake import Arrival
from controltower.offline.pipeline import Pipeline, SteppedClock
from controltower.settings import load_settings
from controltower.streaming.stage import Record
from schemas.wire import Plan, Stop

STARTS_AT = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
_STOPS = 8
_LEG_S = 300
_DEGREES_PER_S = 10 / 111_195  # 10 m/s due north
PARTITIONS = 2


def make_plan(route_id: str) -> Plan:
    """Eight stops, five minutes (3 km) apart."""
    stops = []
    for number in range(_STOPS):
        at = STARTS_AT + timedelta(seconds=number * _LEG_S)
        stops.append(
            Stop(
                stop_id=f"S{number}",
                sequence=number + 1,
                lat=52 + number * _LEG_S * _DEGREES_PER_S,
                lon=13.0,
                promised_by=at + timedelta(minutes=5),
                planned_arrival=at,
                planned_departure=at,
            )
        )
    path = polyline.encode([(stops[0].lat, 13.0), (stops[-1].lat, 13.0)])
    ends_by = stops[-1].planned_departure
    return Plan(
        route_id=route_id,
        version=1,
        carrier="t",
        departs_at=STARTS_AT,
        ends_by=ends_by,
        stops=tuple(stops),
        path=path,
    )


def make_plans() -> list[Plan]:
    return [make_plan("smooth@20260302"), make_plan("halts@20260302")]


def make_arrivals() -> Iterator[Arrival]:
    """A report per vehicle every 30 s; the second one stands still for 20 min in the third leg."""
    for second in range(0, 4500, 30):
        at = STARTS_AT + timedelta(seconds=second)
        yield report_of("smooth", at, second)
        driven_s = min(second, 750) if second < 1950 else second - 1200
        yield report_of("halts", at, driven_s)
        if second == 600:
            yield Arrival(_ms(at), b"x", b"\xff garbage", "gtfs-rt")


def report_of(name: str, at: datetime, driven_s: int) -> Arrival:
    vehicle = {
        "trip": {"trip_id": name, "start_date": "20260302"},
        "vehicle": {"id": f"van-{name}"},
        "position": {"latitude": 52 + driven_s * _DEGREES_PER_S, "longitude": 13.0},
        "timestamp": int(at.timestamp()),
    }
    payload = msgspec.json.encode({"id": name, "vehicle": vehicle})
    return Arrival(_ms(at) + 1500, f"van-{name}".encode(), payload, "gtfs-rt")


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def run_afternoon(partitions: int = PARTITIONS) -> tuple[list[Record], Pipeline]:
    """Every record of the replayed day, and the pipeline with its tallies."""
    clock = SteppedClock()
    pipeline = Pipeline(build_offline_stages(load_settings(), clock.now_ms), partitions, clock)
    return list(pipeline.run(make_plans(), make_arrivals())), pipeline
