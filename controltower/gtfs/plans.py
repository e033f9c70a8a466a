"""A GTFS trip on one service day is a route; its schedule is the plan."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta

from controltower import polyline
from controltower.gtfs.schedule import Schedule, StopTime
from controltower.gtfs.times import start_of_service_day
from schemas.vocabulary import StopKind
from schemas.wire import Plan, Stop

#: A bus is late from 5 minutes on: the usual border of on-time performance in public transport.
PROMISE_SLACK = timedelta(minutes=5)


def route_id_of(trip_id: str, start_date: str) -> str:
    """The route of a trip on a service day written YYYYMMDD."""
    return f"{trip_id}@{start_date}"


def make_plans(schedule: Schedule, runs: Iterable[tuple[str, date]]) -> Iterator[Plan]:
    """Plans of the (trip_id, service day) pairs that the schedule has times for; others are left out."""
    for trip_id, day in runs:
        if schedule.visits.get(trip_id):
            yield _make_plan(schedule, trip_id, day)


def _make_plan(schedule: Schedule, trip_id: str, day: date) -> Plan:
    trip, visits = schedule.trips[trip_id], schedule.visits[trip_id]
    stops = _make_stops(visits, start_of_service_day(day, schedule.zone))
    shape = schedule.shapes.get(trip.shape_id or "")
    return Plan(
        route_id=route_id_of(trip_id, f"{day:%Y%m%d}"),
        version=1,
        carrier=trip.carrier,
        departs_at=stops[0].planned_departure,
        ends_by=max(stop.planned_departure for stop in stops),
        stops=stops,
        path=polyline.encode(shape) if shape and len(shape) > 1 else None,
    )


def _make_stops(visits: list[StopTime], starts_at: datetime) -> tuple[Stop, ...]:
    stops: list[Stop] = []
    seen: set[str] = set()
    for visit in visits:
        assert visit.arrival_s is not None
        assert visit.departure_s is not None
        stop_id = f"{visit.stop_id}#{visit.sequence}" if visit.stop_id in seen else visit.stop_id
        seen.add(visit.stop_id)
        arrival = starts_at + timedelta(seconds=visit.arrival_s)
        stops.append(
            Stop(
                stop_id=stop_id,
                sequence=visit.sequence,
                lat=visit.place[0],
                lon=visit.place[1],
                promised_by=arrival + PROMISE_SLACK,
                planned_arrival=arrival,
                planned_departure=starts_at + timedelta(seconds=visit.departure_s),
                service_s=visit.departure_s - visit.arrival_s,
                kind=StopKind.DELIVERY,
            )
        )
    return tuple(stops)
