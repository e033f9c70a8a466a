"""The part of a GTFS schedule that plans are made of."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

from controltower.gtfs.interpolate import fill_times
from controltower.gtfs.tables import GtfsError, Row, read_optional_table, read_table
from controltower.gtfs.times import parse_seconds

Point = tuple[float, float]


@dataclass(slots=True, frozen=True)
class Trip:
    """One trip of the schedule; `shape_id` None: no planned path."""

    trip_id: str
    service_id: str | None
    shape_id: str | None
    carrier: str


@dataclass(slots=True)
class StopTime:
    """One visit. Seconds after the start of the service day; None where the schedule leaves them open."""

    stop_id: str
    sequence: int
    place: Point
    arrival_s: float | None
    departure_s: float | None


@dataclass(slots=True, frozen=True)
class Schedule:
    """Trips with their visits in order of sequence, and the shapes they follow (lat, lon)."""

    zone: ZoneInfo
    trips: dict[str, Trip]
    visits: dict[str, list[StopTime]]
    shapes: dict[str, list[Point]] = field(default_factory=dict)


def read_schedule(folder: Path, wanted_trips: Collection[str] | None = None) -> Schedule:
    """Read the schedule of the wanted trips (None: all). Trips without any time have no visits.

    Raises GtfsError.
    """
    zone, agencies = _read_agencies(folder)
    trips = _read_trips(folder, agencies, wanted_trips)
    shapes = _read_shapes(folder, {trip.shape_id for trip in trips.values() if trip.shape_id})
    return Schedule(zone, trips, _read_visits(folder, trips), shapes)


def _read_agencies(folder: Path) -> tuple[ZoneInfo, dict[str, str]]:
    """The time zone (the same for all agencies of a feed) and the name per agency_id, the first under ''."""
    zone: ZoneInfo | None = None
    names: dict[str, str] = {}
    for row in read_table(folder, "agency", "agency_timezone"):
        name = row.find_text("agency_name") or row.find_text("agency_id") or "gtfs"
        names.setdefault("", name)
        names[row.find_text("agency_id") or ""] = name
        if zone is None:
            try:
                zone = ZoneInfo(row.text("agency_timezone"))
            except (KeyError, ValueError, OSError):
                raise row.error("agency_timezone", "is no known time zone") from None
    if zone is None:
        raise GtfsError(f"{folder}: the table agency is empty")
    return zone, names


def _read_trips(folder: Path, agencies: dict[str, str], wanted: Collection[str] | None) -> dict[str, Trip]:
    lines = {
        row.text("route_id"): row.find_text("agency_id") or ""
        for row in read_optional_table(folder, "routes", "route_id")
    }
    trips: dict[str, Trip] = {}
    for row in read_table(folder, "trips", "trip_id"):
        trip_id = row.text("trip_id")
        if wanted is not None and trip_id not in wanted:
            continue
        carrier = agencies.get(lines.get(row.find_text("route_id") or "", ""), agencies[""])
        trips[trip_id] = Trip(trip_id, row.find_text("service_id"), row.find_text("shape_id"), carrier)
    return trips


def _read_visits(folder: Path, trips: Collection[str]) -> dict[str, list[StopTime]]:
    places = {row.text("stop_id"): row for row in read_table(folder, "stops", "stop_id")}
    visits: dict[str, list[StopTime]] = {}
    for row in read_table(folder, "stop_times", "trip_id", "stop_id", "stop_sequence"):
        trip_id = row.text("trip_id")
        if trip_id in trips:
            visits.setdefault(trip_id, []).append(_visit(row, places))
    return {trip_id: fill_times(_in_sequence(trip_id, stops)) for trip_id, stops in visits.items()}


def _visit(row: Row, places: dict[str, Row]) -> StopTime:
    stop_id = row.text("stop_id")
    place = places.get(stop_id)
    if place is None:
        raise row.error("stop_id", f"is not in the table stops: {stop_id[:40]!r}")
    arrival_s, departure_s = _seconds(row, "arrival_time"), _seconds(row, "departure_time")
    if arrival_s is not None and departure_s is not None and departure_s < arrival_s:
        raise row.error("departure_time", "is before arrival_time")
    return StopTime(
        stop_id,
        row.whole("stop_sequence"),
        (place.number("stop_lat", -90, 90), place.number("stop_lon", -180, 180)),
        departure_s if arrival_s is None else arrival_s,
        arrival_s if departure_s is None else departure_s,
    )


def _seconds(row: Row, column: str) -> float | None:
    text = row.find_text(column)
    if text is None:
        return None
    try:
        return parse_seconds(text)
    except ValueError as wrong:
        raise row.error(column, str(wrong)) from None


def _in_sequence(trip_id: str, stops: Iterable[StopTime]) -> list[StopTime]:
    ordered = sorted(stops, key=lambda stop: stop.sequence)
    for one, other in pairwise(ordered):
        if one.sequence == other.sequence:
            raise GtfsError(f"stop_times: trip {trip_id} has stop_sequence {one.sequence} twice")
    return ordered


def _read_shapes(folder: Path, wanted: Collection[str]) -> dict[str, list[Point]]:
    points: dict[str, list[tuple[int, Point]]] = {}
    if not wanted:
        return {}
    for row in read_optional_table(folder, "shapes", "shape_id", "shape_pt_sequence"):
        shape_id = row.text("shape_id")
        if shape_id in wanted:
            point = (row.number("shape_pt_lat", -90, 90), row.number("shape_pt_lon", -180, 180))
            points.setdefault(shape_id, []).append((row.whole("shape_pt_sequence"), point))
    return {shape_id: [point for _, point in sorted(shape)] for shape_id, shape in points.items()}
