"""What is told apart from a detour: slow progress, the wrong direction, another order, stops left out."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from controltower import polyline
from schemas import wire
from schemas.vocabulary import ExceptionCode, Milestone, Transition
from tests.unit.roads import (
    LEG_S,
    SPEED_MPS,
    Ping,
    day_of,
    drive,
    exceptions_in,
    log_of,
    make_plan,
    new_fold,
    north,
    run_day,
    scan_of,
    stand,
    tick_at,
)

TICKS = range(0, 40_000, 10)


def opened(records: list[wire.ExceptionRecord]) -> list[ExceptionCode]:
    return [r.code for r in records if r.transition is Transition.OPENED]


def test_driving_the_path_backwards_is_a_sequence_break_and_no_detour() -> None:
    """The van turns round after 3 km and drives 1.5 km back, then goes on: told once as reversed."""
    back = [Ping(390 + i * 30, 3000 - i * 125) for i in range(13)]
    records = run_day(day_of(drive(0, 360, 0) + back + drive(780, 1690, 1600), TICKS))
    breaks = [r for r in records if r.code is ExceptionCode.SEQUENCE_BREAK]
    assert opened(records) == [ExceptionCode.SEQUENCE_BREAK]
    assert breaks[0].metrics["manner"] == "reversed"
    assert breaks[-1].transition is Transition.RESOLVED


def there_and_back_plan() -> wire.Plan:
    """Five stops up the road, and five on the way back by the same road: a kilometre and two minutes each."""
    plan = make_plan()
    places = [0, 1, 2, 3, 4, 3.5, 2.5, 1.5, 0.5, 0]
    stops = zip(plan.stops, places, strict=True)
    plan.stops = tuple(replace(stop, lat=north(place * 1000.0)) for stop, place in stops)
    plan.path = polyline.encode([(north(m), 8.0) for m in [*range(0, 4001, 500), *range(3500, -1, -500)]])
    return plan


@pytest.mark.parametrize("every_s", [10, 25])
def test_a_path_that_comes_back_by_the_same_street_is_not_driven_backwards(every_s: int) -> None:
    """Where it turns, the way on and the way back lie at the same place: the van drives on."""
    out = drive(0, 480, 0, every_s)
    wait = stand(490, 590, 4000, every_s=every_s)
    back = [Ping(600 + t, 4000 - t * SPEED_MPS) for t in range(0, 470, every_s)]
    assert run_day(day_of([*out, *wait, *back], range(0, 1080, 10), there_and_back_plan())) == []


def test_without_a_path_nothing_is_driven_backwards() -> None:
    """The line between the stops says nothing of the streets that lead from one to the next."""
    back = [Ping(390 + i * 30, 3000 - i * 125) for i in range(13)]
    day = day_of(drive(0, 360, 0) + back + drive(780, 1690, 1600), TICKS, make_plan(with_path=False))
    assert ExceptionCode.SEQUENCE_BREAK not in opened(run_day(day))


def test_waiting_down_the_road_before_the_start_is_no_departure() -> None:
    """A van that waits 600 m down its path and comes back to its first stop in time has not departed yet."""
    wait = [
        *drive(-900, -840, 0, 15),
        *stand(-810, -120, 600),
        *[Ping(-90 + i * 30, 400 - i * 200) for i in range(3)],
    ]
    records = run_day(day_of(wait + drive(0, 1080, 0), TICKS))
    assert records == []


def serve(stop: int, at_s: float) -> wire.Scan:
    """A delivery at a stop."""
    scan = scan_of(Ping(at_s, stop * 1000.0), int(at_s))
    scan.scan_id, scan.stop_id, scan.milestone, scan.place = (
        f"served-{stop}",
        f"S{stop}",
        Milestone.DELIVERED,
        None,
    )
    return scan


def round_in_order(order: list[int]) -> list[wire.ExceptionRecord]:
    """Drive the road while stops are served in this order, one every two minutes."""
    events: list[tuple[float, object]] = [
        (p.received_s, scan_of(p, i)) for i, p in enumerate(drive(0, 1000, 0))
    ]
    events += [(n * LEG_S + 61.0, serve(stop, n * LEG_S + 60.0)) for n, stop in enumerate(order)]
    events += [(at + 0.5, tick_at(at)) for at in range(0, 1100, 10)]
    events.sort(key=lambda entry: entry[0])
    log = log_of([make_plan(shipments=2, promise_s=300), *(event for _, event in events)])
    promises = (ExceptionCode.SLA_AT_RISK, ExceptionCode.SLA_BREACHED)
    return [r for r in exceptions_in(new_fold().fold(log).outputs) if r.code not in promises]


def test_one_change_of_order_is_no_skipped_stop() -> None:
    """Drivers swap neighbours; as long as every promise is kept, nobody is told."""
    assert round_in_order([0, 2, 1, 3, 4, 5, 6, 7, 8]) == []


def test_a_stop_left_out_is_told_after_two_later_ones_and_cleared_by_serving_it() -> None:
    """STOP_SKIPPED lists the stop; the delivery after all clears it."""
    records = round_in_order([0, 2, 3, 4, 1, 5])
    skipped = [r for r in records if r.code is ExceptionCode.STOP_SKIPPED]
    assert [r.transition for r in skipped][:2] == [Transition.OPENED, Transition.UPDATED]
    assert skipped[0].metrics["stops"] == "S1"
    assert skipped[1].cleared_at is not None


def test_another_order_that_breaks_a_promise_is_a_sequence_break() -> None:
    """The last stops first: what was due early can no longer be kept, and the record says which stops."""
    records = round_in_order([0, 8, 7, 6, 5])
    [broken] = [
        r for r in records if r.code is ExceptionCode.SEQUENCE_BREAK and r.transition is Transition.OPENED
    ]
    assert broken.metrics["manner"] == "order"
    assert str(broken.metrics["stops"]).startswith("S1,S2")


def test_a_detour_says_where_it_left_how_far_how_long_and_what_it_cost() -> None:
    """600 m aside at half the speed for 6 min: the record that clears it has the whole of it."""
    slow = [Ping(330 + i * 30, 2500 + i * 125, 600) for i in range(12)]
    records = run_day(day_of(drive(0, 300, 0) + slow + drive(690, 1400, 4000), TICKS))
    detour = [r for r in records if r.code is ExceptionCode.ROUTE_DEVIATION]
    cleared = detour[1].metrics
    assert 2300 <= float(cleared["left_at_m"]) <= 2800
    assert 590 <= float(cleared["deviation_m"]) <= 610
    assert 330 <= float(cleared["off_path_s"]) <= 420
    assert 2.5 <= float(cleared["cost_min"]) <= 4.5


def test_without_a_path_a_detour_says_what_it_was_held_against() -> None:
    """The evidence names the stops as its basis, and the usual way and time of the leg."""
    aside = [Ping(330 + i * 30, (330 + i * 30) * SPEED_MPS, 700) for i in range(10)]
    day = day_of(
        drive(0, 300, 0) + aside + drive(660, 1080, 660 * SPEED_MPS), TICKS, make_plan(with_path=False)
    )
    [first, *_] = [r for r in run_day(day) if r.code is ExceptionCode.ROUTE_DEVIATION]
    assert first.metrics["basis"] == "stops"
    assert first.metrics["leg_m"] == 1000.0
    assert first.metrics["leg_usual_s"] == LEG_S
    assert float(first.metrics["next_stop_m"]) >= 700


def test_without_a_path_a_winding_road_is_no_detour() -> None:
    """A road that bulges 300 m between stops 1 km apart is what roads do."""
    pings = [
        Ping(t, t * SPEED_MPS, 300 * (1 - abs((t * SPEED_MPS % 1000) / 500 - 1))) for t in range(0, 1080, 20)
    ]
    assert run_day(day_of(pings, TICKS, make_plan(with_path=False))) == []
