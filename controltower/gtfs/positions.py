"""Rows of a recorded vehicle feed as the GTFS-realtime JSON payloads that arrived."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import msgspec

from controltower.gtfs.tables import Row, read_table
from controltower.gtfs.times import parse_service_day
from controltower.intake import Arrival

FEED = "gtfs-rt"
TABLE = "vehicle_positions"
_STATUSES = ("INCOMING_AT", "STOPPED_AT", "IN_TRANSIT_TO")
_EARLIEST_S, _LATEST_S = 0, 32_503_680_000  # years 1970 to 3000

_encode = msgspec.json.Encoder().encode


def read_arrivals(folder: Path) -> Iterator[Arrival]:
    """The table vehicle_positions row by row, which is the order of arrival.

    received_at is the column arrived_at (epoch s) where it exists, else timestamp; it never goes back,
    since a row that follows another arrived after it. Raises GtfsError.
    """
    last_ms = 0
    for row in read_table(folder, TABLE, "trip_id", "latitude", "longitude", "timestamp", "vehicle_id"):
        arrived = "arrived_at" if row.find_text("arrived_at") else "timestamp"
        last_ms = max(last_ms, round(row.number(arrived, _EARLIEST_S, _LATEST_S) * 1000))
        vehicle_id = row.text("vehicle_id")
        yield Arrival(last_ms, vehicle_id.encode(), _encode(_entity(row, vehicle_id)), FEED)


def read_runs(folder: Path) -> tuple[list[tuple[str, date]], int]:
    """The (trip_id, service day) pairs that report positions, in order of first report; and the rows."""
    runs: dict[tuple[str, str], date] = {}
    rows = 0
    for row in read_table(folder, TABLE, "trip_id", "timestamp"):
        rows += 1
        trip_id, start_date = row.find_text("trip_id"), row.find_text("start_date")
        if trip_id and start_date and (trip_id, start_date) not in runs:
            runs[trip_id, start_date] = _service_day(row, start_date)
    return [(trip_id, day) for (trip_id, _), day in runs.items()], rows


def _service_day(row: Row, start_date: str) -> date:
    try:
        return parse_service_day(start_date)
    except ValueError as wrong:
        raise row.error("start_date", str(wrong)) from None


def _entity(row: Row, vehicle_id: str) -> dict[str, Any]:
    """A FeedEntity with a VehiclePosition; names and units of https://gtfs.org/documentation/realtime/reference/"""
    timestamp_s = int(row.number("timestamp", _EARLIEST_S, _LATEST_S))
    vehicle = {
        "trip": _without_none(
            trip_id=row.find_text("trip_id"),
            start_time=row.find_text("start_time"),
            start_date=row.find_text("start_date"),
            route_id=row.find_text("route_id"),
        ),
        "vehicle": {"id": vehicle_id},
        "position": _without_none(
            latitude=row.number("latitude"),
            longitude=row.number("longitude"),
            bearing=row.find_number("bearing"),
            speed=row.find_number("speed_mps"),
        ),
        "timestamp": timestamp_s,
        **_without_none(
            current_stop_sequence=_find_whole(row, "current_stop_sequence"),
            current_status=_find_status(row),
            stop_id=row.find_text("stop_id"),
        ),
    }
    return {"id": f"{vehicle_id}-{timestamp_s}", "vehicle": vehicle}


def _find_whole(row: Row, column: str) -> int | None:
    return row.whole(column) if row.find_text(column) else None


def _find_status(row: Row) -> str | None:
    """The enum's name, from its name or its number."""
    text = row.find_text("current_status")
    if text is None or text in _STATUSES:
        return text
    number = row.whole("current_status")
    if not 0 <= number < len(_STATUSES):
        raise row.error("current_status", f"is no VehicleStopStatus: {number}")
    return _STATUSES[number]


def _without_none(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
