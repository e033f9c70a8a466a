"""Files of planners: CSV, JSON and NDJSON become plans, or tell everything that is wrong."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from xml.etree import ElementTree

from controltower.plans.draw import draw_plan
from controltower.plans.files import PlanRead, read_plans
from tests.unit.test_feeds_normalize import a_plan

CSV = """\
route_id,carrier,vehicle_id,driver_id,departs_at,ends_by,stop_id,lat,lon,planned_arrival,planned_departure,shipment_ids
R-1,acme,V-1,D-7,2026-03-02T08:00:00,2026-03-02T12:00:00,S1,52.5,13.4,2026-03-02T08:20:00,2026-03-02T08:22:00,P1;P2
R-1,,,,,,S2,52.6,13.5,2026-03-02T08:40:00,2026-03-02T08:42:00,P3
R-2,acme,V-2,D-8,2026-03-02T08:00:00,2026-03-02T12:00:00,S1,0,0,2026-03-02T08:20:00,soon,
"""


def of(name: str, text: str, zone: str | None = None) -> list[PlanRead]:
    return read_plans(name, text.encode(), zone)


def test_a_csv_file_has_a_line_per_stop() -> None:
    """Its local times are those of the given zone; each plan is judged by itself."""
    good, bad = of("day.csv", CSV, "Europe/Berlin")
    assert good.plan is not None
    assert (good.plan.route_id, good.plan.version, good.plan.driver_id) == ("R-1", 1, "D-7")
    assert good.plan.departs_at == datetime(2026, 3, 2, 7, tzinfo=UTC)
    assert [stop.shipment_ids for stop in good.plan.stops] == [("P1", "P2"), ("P3",)]
    assert [fault.detail for fault in bad.faults] == [
        "stops.0.planned_departure: datetime_from_date_parsing",
        "stops.0: lat and lon are 0/0",
    ]


def test_an_unknown_zone_is_told_with_the_rest() -> None:
    """Times without an offset cannot be read then."""
    [good, _] = of("day.csv", CSV, "Mars/Phobos")
    assert good.faults[0].detail == "time_zone: there is no such time zone"
    assert "departs_at: timezone_aware" in [fault.detail for fault in good.faults]


def test_json_files_hold_one_plan_a_list_or_lines() -> None:
    """The schema may be left out, since the file is one of plans."""
    plan = {name: value for name, value in a_plan().items() if name != "schema"}
    assert [read.faults for read in of("a.json", json.dumps(plan))] == [()]
    assert len(of("a.json", json.dumps([plan, plan]))) == 2
    assert len(of("a.ndjson", f"{json.dumps(plan)}\n{json.dumps(plan)}\n")) == 2
    assert of("a.json", "[1]")[0].faults[0].detail == "the plan is no object"
    assert of("a.json", "{")[0].faults[0].detail == "the value is not JSON"


def test_a_picture_has_every_stop_and_the_path() -> None:
    """It is well-formed, and escapes what a planner wrote."""
    [read] = of("a.json", json.dumps(a_plan(route_id="<R&1>", path=None)))
    assert read.plan is not None
    picture = ElementTree.fromstring(draw_plan(read.plan))
    circles = picture.findall(".//{http://www.w3.org/2000/svg}circle")
    assert len(circles) == len(read.plan.stops)
    assert "stroke-dasharray" in draw_plan(read.plan)
