"""A GTFS folder as a day to stream or replay: its plans, and the reports in order of arrival."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from controltower.gtfs.calendar import find_running_services, trips_of
from controltower.gtfs.plans import make_plans
from controltower.gtfs.positions import read_arrivals, read_runs
from controltower.gtfs.schedule import read_schedule
from controltower.intake import Arrival
from schemas.wire import Plan


@dataclass(slots=True, frozen=True)
class RecordedDay:
    """What a recorded feed holds. `unplanned` counts the runs that the schedule has no times for."""

    folder: Path
    plans: tuple[Plan, ...]
    unplanned: int
    arrivals_total: int

    def arrivals(self) -> Iterator[Arrival]:
        """The reports in order of arrival, read anew at each call."""
        return read_arrivals(self.folder)


def read_recorded_day(folder: Path) -> RecordedDay:
    """Plans of the trips that report positions. Raises GtfsError."""
    runs, rows = read_runs(folder)
    schedule = read_schedule(folder, {trip_id for trip_id, _ in runs})
    plans = tuple(make_plans(schedule, runs))
    return RecordedDay(folder, plans, len(runs) - len(plans), rows)


def read_planned_day(folder: Path, day: date) -> tuple[Plan, ...]:
    """Plans of all trips that run on a service day, for a live feed. Raises GtfsError."""
    services = find_running_services(folder, day)
    schedule = read_schedule(folder)
    return tuple(make_plans(schedule, ((trip_id, day) for trip_id in trips_of(schedule, services))))
