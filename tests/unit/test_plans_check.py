"""A plan is taken, or refused with everything that is wrong with it at once."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controltower.plans.check import MOST_FAULTS, check_plan, check_plan_object
from schemas.plan import Plan
from tests.unit.test_feeds_normalize import a_plan


def faults_of(content: Any) -> list[str]:
    checked = check_plan(json.dumps(content).encode())
    assert not isinstance(checked, Plan)
    return [fault.detail for fault in checked]


def with_stop(n: int, **changes: Any) -> dict[str, Any]:
    plan = a_plan()
    plan["stops"][n] = {**plan["stops"][n], **changes}
    return plan


def test_a_good_plan_is_a_plan() -> None:
    """A path is not needed."""
    checked = check_plan(json.dumps(a_plan(path=None)).encode())
    assert isinstance(checked, Plan)
    assert checked.path is None


def test_every_reason_is_told_at_once() -> None:
    """Fields that cannot be read, stops at 0/0, windows that contradict, an unknown time zone, a bad path."""
    plan = with_stop(0, lat=0, lon=0, zone="Mars/Phobos")
    plan["stops"][1] |= {"window_from": "2026-03-02T12:00:00Z", "window_to": "2026-03-02T11:00:00Z"}
    told = faults_of({**plan, "carrier": None, "path": "_p~iF"})
    assert told == [
        "carrier: string_type",
        "stops.1: window_to before window_from",
        "stops.0: lat and lon are 0/0",
        "stops.0: zone is written like a time zone, and there is none of that name",
        "path: a latitude without its longitude",
    ]


def test_what_can_be_read_of_a_broken_stop_is_judged_too() -> None:
    """A missing time hides neither a contradicting window, nor the zone, nor a stop_id that comes twice."""
    plan = with_stop(
        0, window_from="2026-03-02T12:00:00Z", window_to="2026-03-02T11:00:00Z", zone="Mars/Base"
    )
    plan["stops"][1]["stop_id"] = plan["stops"][0]["stop_id"]
    for stop in plan["stops"]:
        del stop["planned_arrival"]
    del plan["schema"]
    told = faults_of(plan)
    assert told[:3] == [
        "schema is missing",
        "stops.0.planned_arrival: missing",
        "stops.1.planned_arrival: missing",
    ]
    assert set(told[3:]) >= {
        "stops.0: window_to before window_from",
        "stops.0: zone is written like a time zone, and there is none of that name",
        "the record: stop_id must be unique within a plan",
    }


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"window_to": "2026-03-01T08:00:00Z"}, "stops.0: window_to before departs_at"),
        ({"window_from": "2026-03-09T08:00:00Z"}, "stops.0: window_from after ends_by"),
        (
            {"window_from": "2026-03-02T09:00:00Z", "promised_by": "2026-03-02T08:59:00Z"},
            "stops.0: promised_by before window_from",
        ),
    ],
)
def test_windows_that_contradict(changes: dict[str, Any], fault: str) -> None:
    """A window must leave a time at which the route can serve it and keep its promise."""
    assert faults_of(with_stop(0, **changes)) == [fault]


def test_a_hopeless_file_is_told_by_its_first_faults() -> None:
    """Fifty lines are enough to see what is wrong."""
    assert len(faults_of(a_plan(stops=[{}] * 100))) == MOST_FAULTS


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(sorted(a_plan())), JSON), st.sampled_from(["0", "1"]), JSON)
@settings(max_examples=100, deadline=None)
def test_no_plan_raises(changes: dict[str, Any], at: str, junk: Any) -> None:
    """Whatever stands in its fields, it is a plan or there is a reason why not."""
    plan = with_stop(int(at), lat=junk)
    checked = check_plan_object({**plan, **changes})
    assert isinstance(checked, Plan) or checked
