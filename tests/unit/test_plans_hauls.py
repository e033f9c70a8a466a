"""Plans of line hauls in files and on the topic: taken, or refused with everything that is wrong."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from agents.cli import main
from controltower.feeds.intake import is_haul_plan, read_haul_plan
from controltower.feeds.rejection import Rejected
from controltower.plans.files import PlanRead, read_plans
from controltower.plans.hauls import check_haul_plan_object
from schemas.base import Source
from schemas.haul import HaulPlan
from schemas.vocabulary import RejectReason
from tests.unit.test_feeds_normalize import a_plan

EXAMPLE = Path(__file__).parents[2] / "schemas" / "examples" / "plans" / "line_haul_of_a_shipment.json"


def haul(**changes: Any) -> dict[str, Any]:
    return {**json.loads(EXAMPLE.read_text()), **changes}


def read(*plans: dict[str, Any], zone: str | None = None) -> list[PlanRead]:
    return read_plans("plans.json", json.dumps(plans).encode(), zone)


def details(plan: dict[str, Any]) -> list[str]:
    [found] = read(plan)
    return [fault.detail for fault in found.faults]


def test_a_file_may_hold_plans_of_both_kinds() -> None:
    """The schema may be left out: inbound and outbound legs tell a line haul."""
    named, unnamed, route = read(haul(), {k: v for k, v in haul().items() if k != "schema"}, a_plan())
    assert isinstance(named.plan, HaulPlan)
    assert unnamed.plan == named.plan
    assert not route.faults
    assert not isinstance(route.plan, HaulPlan)


def test_every_reason_is_told_at_once_by_its_field() -> None:
    """What cannot be read hides no contradiction, and a contradiction is told once."""
    plan = haul(version=0, starts_at="2026-03-02T06:00:00")
    del plan["carrier"]
    plan["inbound"][0]["steps"][1]["planned_min"] = -5
    plan["inbound"][1]["leg_id"] = plan["inbound"][0]["leg_id"]
    plan["inbound"][1]["steps"][0]["place"] = plan["inbound"][0]["steps"][0]["place"]
    plan["outbound"]["steps"] = plan["outbound"]["steps"][::-1]
    assert details(plan) == [
        "version: greater_than_equal",
        "carrier: missing",
        "starts_at: timezone_aware",
        "inbound.0.steps.1.planned_min: greater_than",
        "outbound: steps must be RCS, then DEP and RCF once to three times, then DLV",
        "inbound.1.leg_id: the same as of inbound.0",
        "inbound.1.steps.0: kind and place of inbound.0.steps.0: no scan could tell them apart",
    ]


def test_two_steps_that_any_scan_would_complete_are_told() -> None:
    """Steps of one kind without a place; nothing else is wrong, and it is said once."""
    plan = haul()
    plan["inbound"][0]["steps"][0]["place"] = plan["outbound"]["steps"][0]["place"] = None
    assert details(plan) == [
        "outbound.steps.0: kind and place of inbound.0.steps.0: no scan could tell them apart"
    ]


@pytest.mark.parametrize(
    ("starts_at", "detail"),
    [
        ("1970-01-01T00:00:00Z", "starts_at is not between 2000 and 2100"),
        ("9999-12-31T23:00:00-05:00", "starts_at: outside the calendar"),
    ],
)
def test_times_that_are_mistakes(starts_at: str, detail: str) -> None:
    """Another century, or a year that has no equivalent in UTC."""
    [found] = read(haul(starts_at=starts_at))
    assert [(fault.reason, fault.detail) for fault in found.faults] == [(RejectReason.BAD_TIME, detail)]


def test_a_local_time_takes_the_zone() -> None:
    """The one that the plan names, else the one that is given."""
    own, given_one = read(
        haul(starts_at="2026-03-02T06:00:00", time_zone="America/New_York"),
        haul(starts_at="2026-03-02T06:00:00"),
        zone="Europe/Berlin",
    )
    assert isinstance(own.plan, HaulPlan)
    assert isinstance(given_one.plan, HaulPlan)
    assert own.plan.starts_at == datetime(2026, 3, 2, 11, tzinfo=UTC)
    assert given_one.plan.starts_at == datetime(2026, 3, 2, 5, tzinfo=UTC)


def test_the_topic_refuses_what_the_check_refuses() -> None:
    """The letter has every reason of the check, and the first one's kind."""
    plan = haul(version=0)
    plan["inbound"][1]["leg_id"] = plan["inbound"][0]["leg_id"]
    with pytest.raises(Rejected) as refused:
        read_haul_plan(
            json.dumps(plan).encode(),
            datetime(2026, 3, 2, tzinfo=UTC),
            Source(topic="plans", partition=0, offset=0),
        )
    assert refused.value.reason is RejectReason.OUT_OF_RANGE
    assert refused.value.detail == "; ".join(details(plan))


#: No number of them is a time after 2000.
_SCRAPS = st.sampled_from([None, 0, -1, "", "x", "RCS", [], {}, True, 1e6])


@given(st.data())
def test_the_check_takes_what_the_model_takes(data: st.DataObject) -> None:
    """Whatever stands anywhere in a plan: no fault where the model takes it, at least one otherwise."""
    plan = haul()
    for _ in range(data.draw(st.integers(1, 3))):
        place: Any = plan
        while True:
            key: Any = data.draw(
                st.sampled_from(list(place) if isinstance(place, dict) else range(len(place)))
            )
            if isinstance(place[key], dict | list) and place[key] and data.draw(st.booleans()):
                place = place[key]
                continue
            place[key] = data.draw(_SCRAPS)
            break
    try:
        taken = HaulPlan.model_validate(plan).starts_at.year >= 2000
    except ValidationError:
        taken = False
    assert isinstance(check_haul_plan_object(plan), HaulPlan if taken else tuple)


def test_the_command_tells_one_line_per_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """File and place, reason and field; nothing is good, and there is no picture of a line haul."""
    file = tmp_path / "hauls.ndjson"
    file.write_text(json.dumps(haul()) + "\n" + json.dumps(haul(carrier=7)) + "\n")
    assert main(["plans", "check", str(file)]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "hauls.ndjson:1: P-77 version 1, 2 inbound legs, promised by 2026-03-04T17:05:00+00:00",
        "hauls.ndjson:2: WRONG_TYPE: carrier: string_type",
        "1 plans good, 1 refused; nothing is loaded",
    ]
    assert main(["plans", "check", str(file), "--json"]) == 1
    assert [found["shipment_id"] for found in json.loads(capsys.readouterr().out)] == ["P-77", None]
    assert main(["plans", "show", str(file)]) == 2
    assert "there is no such plan among the files" in capsys.readouterr().err


@pytest.mark.parametrize("slash", ["/", "\\/"])
def test_an_encoder_may_escape_the_slash_of_the_schema(slash: str) -> None:
    """As PHP's does: the record is known as a line haul by what its JSON says."""
    value = json.dumps(haul()).replace("controltower.haul-plan/1", f"controltower.haul-plan{slash}1").encode()
    assert is_haul_plan(value)
    assert read_haul_plan(
        value, datetime(2026, 3, 2, tzinfo=UTC), Source(topic="plans", partition=0, offset=0)
    )
