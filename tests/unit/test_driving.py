"""How a vehicle drives where nothing holds it up, and how long it stays at its stops."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from controltower.risk.features import FEATURES
from controltower.route.driving import drive_on, leave
from controltower.route.evidence import NOT_DRIVING, Driving
from controltower.route.plan import RoutePlan, parse_plan
from schemas import topics, wire
from tests.unit.roads import LEG_M, SPEED_MPS, Ping, day_of, make_plan, new_fold

NAMES = [name for name, _ in FEATURES]
TICKS = range(0, 3000, 10)
STEP_S = 15


def questions_of(pings: list[Ping]) -> list[dict[str, float | None]]:
    """The next stop's row of each question that a day asks, by name."""
    outs = new_fold().fold(day_of(pings, TICKS)).outputs
    asked = [wire.decode_score_request(o.value or b"") for o in outs if o.topic == topics.SCORE_REQUESTS]
    return [
        dict(zip(NAMES, question.rows[0].features + question.situation, strict=True))
        for question in asked
        if question.rows
    ]


def way(share: float, light_s: int = 0) -> list[Ping]:
    """Down the road at this share of the planned speed; half way between stops a light of `light_s`."""
    pings, at_s, along_m = list[Ping](), 0.0, 0.0
    while along_m < 6.2 * LEG_M:
        pings.append(Ping(at_s, along_m))
        step_m = SPEED_MPS * share * STEP_S
        waits = light_s and (along_m - LEG_M / 2) // LEG_M < (along_m + step_m - LEG_M / 2) // LEG_M
        for _ in range(light_s // STEP_S if waits else 0):
            at_s += STEP_S
            pings.append(Ping(at_s, along_m))
        at_s, along_m = at_s + STEP_S, along_m + step_m
    return pings


@pytest.fixture(scope="module")
def plan() -> RoutePlan:
    """The straight road."""
    return parse_plan(make_plan())


@pytest.mark.parametrize("share", [0.7, 0.8, 1.0, 1.25, 2.0])
def test_free_driving_tells_the_speed(share: float) -> None:
    """Against the plan's, whatever it was taken for before the first fix."""
    assert questions_of(way(share))[-1]["free_pace"] == pytest.approx(1 / share, rel=0.1)


def test_lights_do_not_count() -> None:
    """Waiting between stops makes the route late, not its driver slow."""
    last = questions_of(way(1.0, light_s=60))[-1]
    assert (last["slip_s"] or 0.0) > 200
    assert last["free_pace"] == pytest.approx(1.0, rel=0.05)


def test_before_departure_nothing_is_known() -> None:
    """Missing, not one."""
    first = questions_of([Ping(i * 15, 0.0) for i in range(40)])[0]
    assert first["free_pace"] is None
    assert first["stay_pace"] is None
    assert first["at_stop_s"] is None
    assert first["steady_slip_s"] == first["slip_s"]


def test_at_a_stop_the_steady_slip_stays() -> None:
    """From arriving at a stop until its service is over, whichever side of it the fixes lie, and from then
    on it grows with the stay."""
    served = make_plan()
    stops = tuple(
        replace(stop, service_s=90, planned_departure=stop.planned_departure) for stop in served.stops
    )
    assert {stop.service_s for stop in stops} == {90}
    pings = way(1.0)[:9]
    standing = [Ping(pings[-1].at_s + 15 * i, LEG_M + (12.0 if i % 2 else -12.0)) for i in range(1, 60)]
    rows = [row for row in questions_of(pings + standing) if row["at_stop_s"] is not None]
    assert len(rows) >= 2
    for row in rows:
        assert row["steady_slip_s"] == pytest.approx(row["at_stop_s"], abs=20)


def test_a_stay_counts_once_the_stop_is_left(plan: RoutePlan) -> None:
    """With its service, and not at all where it was trouble."""
    at_stop = Driving(reached_ms=1_000_000, free_ms=60_000, planned_ms=60_000)
    left = leave(at_stop, plan, 1_050_000, 1, 2, LEG_M + 25)
    assert (left.reached_ms, left.stayed_ms) == (0, 50_000)
    assert leave(at_stop, plan, 2_000_000, 1, 2, LEG_M + 25).stayed_ms == 0


def test_it_comes_to_a_stop_once(plan: RoutePlan) -> None:
    """Near the next one it has reached it; passing two at once, it may be at the third already."""
    driving = leave(NOT_DRIVING, plan, 1_000, 0, 1, 100.0)
    assert drive_on(driving, 2_000, 1_000, 1_000, 500.0) == driving
    assert drive_on(driving, 2_000, 1_000, 1_000, 29.0).reached_ms == 2_000
    assert leave(driving, plan, 3_000, 1, 3, plan.stops[3].along_m - 10).reached_ms == 3_000
