"""Which services run on a day: the weekly calendar and its exceptions."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from controltower.gtfs.schedule import Schedule
from controltower.gtfs.tables import GtfsError, Row, find_table, read_optional_table
from controltower.gtfs.times import parse_service_day

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_ADDED, _REMOVED = 1, 2


def find_running_services(folder: Path, day: date) -> frozenset[str]:
    """The service_ids that run on `day`. Raises GtfsError, also when the folder has no calendar at all."""
    if not any(find_table(folder, name) for name in ("calendar", "calendar_dates")):
        raise GtfsError(f"{folder}: has no calendar, so which trips run on {day} is unknown")
    running = {
        row.text("service_id")
        for row in read_optional_table(folder, "calendar", "service_id", "start_date", "end_date")
        if _day(row, "start_date") <= day <= _day(row, "end_date") and row.whole(_WEEKDAYS[day.weekday()])
    }
    for row in read_optional_table(folder, "calendar_dates", "service_id", "date", "exception_type"):
        if _day(row, "date") == day:
            change = row.whole("exception_type")
            if change == _ADDED:
                running.add(row.text("service_id"))
            elif change == _REMOVED:
                running.discard(row.text("service_id"))
            else:
                raise row.error("exception_type", f"is neither 1 (added) nor 2 (removed): {change}")
    return frozenset(running)


def trips_of(schedule: Schedule, services: frozenset[str]) -> list[str]:
    """The trips of these services, in the order of the schedule."""
    return [trip.trip_id for trip in schedule.trips.values() if trip.service_id in services]


def _day(row: Row, column: str) -> date:
    try:
        return parse_service_day(row.text(column))
    except ValueError as wrong:
        raise row.error(column, str(wrong)) from None
