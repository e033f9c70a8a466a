"""Reading GTFS folders: the standard's layout, the layout of our data, and clear errors."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from controltower import polyline
from controltower.gtfs.folder import read_planned_day, read_recorded_day
from controltower.gtfs.tables import GtfsError
from controltower.gtfs.times import parse_seconds, start_of_service_day
from schemas.plan import Plan
from schemas.wire import encode

WMATA = Path(__file__).parents[2].parent / "shared" / "data" / "wmata"

TABLES = {
    "agency.txt": "agency_id,agency_name,agency_url,agency_timezone\n1,Tram,x,Europe/Berlin\n",
    "routes.txt": "route_id,agency_id\nR1,1\n",
    "trips.txt": "route_id,service_id,trip_id,shape_id\nR1,WEEK,T1,\nR1,SUN,T2,S1\n",
    "stops.txt": "stop_id,stop_name,stop_lat,stop_lon\nA,a,52.5,13.4\nB,b,52.51,13.4\nC,c,52.53,13.4\n",
    "stop_times.txt": (
        "trip_id,arrival_time,departure_time,stop_id,stop_sequence\n"
        "T1,23:50:00,23:50:30,A,1\nT1,,,B,5\nT1,24:20:30,24:21:00,C,9\nT1,25:00:00,25:00:00,A,12\n"
        "T2,08:00:00,08:00:00,A,1\nT2,,,C,2\n"
    ),
    "shapes.txt": "shape_id,shape_pt_lat,shape_pt_lon,shape_pt_sequence\nS1,52.53,13.4,2\nS1,52.5,13.4,1\n",
    "calendar.txt": (
        "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\n"
        "WEEK,1,1,1,1,1,0,0,20260101,20261231\nSUN,0,0,0,0,0,0,1,20260101,20261231\n"
    ),
    "calendar_dates.txt": "service_id,date,exception_type\nWEEK,20260217,2\nSUN,20260217,1\n",
    "vehicle_positions.csv": (
        "trip_id,start_date,latitude,longitude,timestamp,vehicle_id,current_status\n"
        "T1,20260216,52.5,13.4,1771282200,V1,1\nT1,20260216,52.501,13.4,1771282190,V1,IN_TRANSIT_TO\n"
        "T9,20260216,52.501,13.4,1771282300,V2,\n"
    ),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in TABLES.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def change(folder: Path, name: str, old: str, new: str) -> None:
    text = (folder / name).read_text()
    assert old in text
    (folder / name).write_text(text.replace(old, new, 1))


def test_a_trip_past_midnight_keeps_its_service_day(folder: Path) -> None:
    """24:20:30 of Monday is Tuesday 00:20:30 local; a stop without times lies in between by distance."""
    day = read_recorded_day(folder)
    (plan,) = day.plans
    assert plan.route_id == "T1@20260216"
    assert plan.carrier == "Tram"
    assert plan.departs_at == datetime(2026, 2, 16, 22, 50, 30, tzinfo=UTC)
    assert [stop.planned_arrival.strftime("%H:%M:%S") for stop in plan.stops] == [
        "22:50:00",
        "23:00:30",
        "23:20:30",
        "00:00:00",
    ]
    assert plan.path is None
    assert day.unplanned == 1


def test_a_stop_visited_twice_has_two_ids(folder: Path) -> None:
    """The second visit is named by its sequence, so that the plan is valid for the contract."""
    (plan,) = read_recorded_day(folder).plans
    assert [stop.stop_id for stop in plan.stops] == ["A", "B", "C", "A#12"]
    assert Plan.model_validate_json(encode(plan)).route_id == plan.route_id


def test_rows_arrive_in_order_and_received_at_never_goes_back(folder: Path) -> None:
    """Without arrived_at the timestamp counts, but a later row did not arrive before an earlier one."""
    arrivals = list(read_recorded_day(folder).arrivals())
    assert [a.received_at_ms for a in arrivals] == [1771282200000, 1771282200000, 1771282300000]
    entities = [json.loads(a.payload) for a in arrivals]
    assert [e["vehicle"]["timestamp"] for e in entities] == [1771282200, 1771282190, 1771282300]
    assert [e["vehicle"].get("current_status") for e in entities] == ["STOPPED_AT", "IN_TRANSIT_TO", None]
    assert arrivals[0].key == b"V1"


def test_a_service_day_plans_what_the_calendar_says(folder: Path) -> None:
    """Calendar and its exceptions decide; times after the last known one are left out."""
    assert [p.route_id for p in read_planned_day(folder, date(2026, 2, 16))] == ["T1@20260216"]
    (plan,) = read_planned_day(folder, date(2026, 2, 17))
    assert plan.route_id == "T2@20260217"
    assert [stop.stop_id for stop in plan.stops] == ["A"]
    assert polyline.decode(plan.path or "") == [(52.5, 13.4), (52.53, 13.4)]


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("stop_times.txt", "24:20:30", "24:61:30", "stop_times.txt, row 4, column arrival_time: is neither"),
        ("stop_times.txt", "C,9", "Z,9", "stop_times.txt, row 4, column stop_id: is not in the table stops"),
        ("stop_times.txt", "C,9", "C,5", "trip T1 has stop_sequence 5 twice"),
        ("stops.txt", "52.51", "north", "stops.txt, row 3, column stop_lat: is no number"),
        ("stops.txt", "52.51", "95", "stops.txt, row 3, column stop_lat: is outside -90 to 90: 95"),
        (
            "agency.txt",
            "Europe/Berlin",
            "Mars/Base",
            "agency.txt, row 2, column agency_timezone: is no",
        ),
        ("agency.txt", "agency_timezone", "zone", "agency.txt, row 1: has no column agency_timezone"),
        ("vehicle_positions.csv", "20260216", "2026021", "row 2, column start_date: is no date like"),
        ("vehicle_positions.csv", "1771282200", "", "row 2, column timestamp: is empty"),
        ("vehicle_positions.csv", "V1,1", "V1,7", "row 2, column current_status: is no VehicleStopStatus: 7"),
        ("vehicle_positions.csv", "52.5,", "inf,", "row 2, column latitude: is not finite"),
    ],
)
def test_an_error_names_file_row_and_column(
    folder: Path, name: str, old: str, new: str, message: str
) -> None:
    """One broken cell is one line that says where it stands."""
    change(folder, name, old, new)
    with pytest.raises(GtfsError, match=message):
        list(read_recorded_day(folder).arrivals())


def test_a_missing_table_is_named(folder: Path) -> None:
    """Both accepted names are given."""
    (folder / "trips.txt").unlink()
    with pytest.raises(GtfsError, match=r"neither trips.txt nor trips.csv"):
        read_recorded_day(folder)


def test_a_folder_without_calendar_cannot_plan_a_day(folder: Path) -> None:
    """Which trips run is unknown then, and not "all"."""
    (folder / "calendar.txt").unlink()
    (folder / "calendar_dates.txt").unlink()
    with pytest.raises(GtfsError, match="has no calendar"):
        read_planned_day(folder, date(2026, 2, 16))


def test_the_service_day_starts_twelve_hours_before_noon() -> None:
    """On the day summer time begins that is 23:00 of the day before."""
    berlin = ZoneInfo("Europe/Berlin")
    assert start_of_service_day(date(2026, 3, 29), berlin) == datetime(2026, 3, 28, 22, tzinfo=UTC)
    assert start_of_service_day(date(2026, 3, 30), berlin) == datetime(2026, 3, 29, 22, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"), [("0:00:00", 0), ("08:05:09", 29109), ("27:00:00", 97200), ("35100.0", 35100)]
)
def test_times_come_in_two_layouts(text: str, seconds: float) -> None:
    """HH:MM:SS, past 24 h too, and plain seconds."""
    assert parse_seconds(text) == seconds


@pytest.mark.skipif(not WMATA.is_dir(), reason="needs ../shared/data/wmata, which is not on this machine")
def test_a_recorded_afternoon_has_a_plan_for_every_trip() -> None:
    """84 trips, each with stops and a path, and 13,728 reports; all plans obey the contract."""
    day = read_recorded_day(WMATA)
    assert (len(day.plans), day.unplanned, day.arrivals_total) == (84, 0, 13728)
    assert all(plan.path for plan in day.plans)
    assert sum(len(plan.stops) for plan in day.plans) == 4585
    for plan in day.plans:
        Plan.model_validate_json(encode(plan))
