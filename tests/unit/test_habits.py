"""Limits are learned from the stays of past days, exactly as the arithmetic says, and kept in the log."""

from __future__ import annotations

from copy import deepcopy
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controltower.detect.excess_dwell import limit_ms as dwell_limit_ms
from controltower.detect.habits import ROAD, Habits, Stay, blend_ms, hour_key
from controltower.route.fold import TrackFold
from controltower.route.limits import DEFAULT_LIMITS
from controltower.route.plan import parse_plan
from controltower.streaming.stage import Record
from schemas import wire
from schemas.vocabulary import ExceptionCode, Transition
from tests.unit.roads import (
    TICKS_ALL_DAY,
    day_of,
    drive,
    exceptions_in,
    make_plan,
    new_fold,
    stand,
)

DAY_MS = 86_400_000
MINUTE_MS = 60_000
NOON_MS = 1_000 * DAY_MS + 12 * 3_600_000
KEY = hour_key("DELIVERY", NOON_MS)


def taught(stays: list[int], day: int = 0) -> Habits:
    """Habits after stays of so many minutes at noon of that day."""
    habits = Habits(DEFAULT_LIMITS)
    for minutes in stays:
        habits.observe(Stay("acme", "DELIVERY", NOON_MS + day * DAY_MS, minutes * MINUTE_MS))
    return habits


def test_a_day_counts_from_the_next_day_on() -> None:
    """Nothing is learned within a day; on the next its stays weigh 0.9, later less and less."""
    habits = taught([4] * 50)
    assert habits.learned("acme", {KEY}, NOON_MS) == {}
    stays, quantile_ms = habits.learned("acme", {KEY}, NOON_MS + DAY_MS)[KEY]
    assert stays == pytest.approx(45)
    assert 4 * MINUTE_MS <= quantile_ms <= 4 * MINUTE_MS * 1.12
    assert habits.learned("acme", {KEY}, NOON_MS + 30 * DAY_MS)[KEY][0] < 3


def test_carriers_kinds_and_hours_are_apart() -> None:
    """Another carrier, another kind of stop or another hour has its own history."""
    habits = taught([4] * 50)
    others = {hour_key("PICKUP", NOON_MS), hour_key("DELIVERY", NOON_MS + 3_600_000), hour_key(ROAD, NOON_MS)}
    assert habits.learned("acme", others, NOON_MS + DAY_MS) == {}
    assert habits.learned("other", {KEY}, NOON_MS + DAY_MS) == {}


def test_the_blend_is_the_documented_arithmetic() -> None:
    """(stays x quantile + 20 x prior) / (stays + 20), at least the floor, at most 30 min."""
    floor, prior = 8 * MINUTE_MS, 10 * MINUTE_MS
    assert blend_ms(None, prior, floor, DEFAULT_LIMITS) == prior
    assert blend_ms((20.0, 14 * MINUTE_MS), prior, floor, DEFAULT_LIMITS) == 12 * MINUTE_MS
    assert blend_ms((1e6, 2 * MINUTE_MS), prior, floor, DEFAULT_LIMITS) == floor
    assert blend_ms((1e6, 90 * MINUTE_MS), prior, floor, DEFAULT_LIMITS) == 30 * MINUTE_MS


def test_a_long_planned_service_is_not_cut_short_by_short_ones() -> None:
    """What is learned is the time beyond the planned service."""
    plan = parse_plan(make_plan())
    stop = plan.stops[3]
    learned = {hour_key(stop.kind.value, stop.arrival_ms): (1e6, 2 * MINUTE_MS)}
    assert dwell_limit_ms(stop, learned, DEFAULT_LIMITS) == DEFAULT_LIMITS.dwell_floor_ms
    slow = make_plan()
    slow.stops = tuple(msgspec.structs.replace(stop, service_s=1800.0) for stop in slow.stops)
    long_stop = parse_plan(slow).stops[3]
    assert dwell_limit_ms(long_stop, learned, DEFAULT_LIMITS) == pytest.approx(32 * MINUTE_MS, rel=1e-3)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 120)), max_size=40), st.integers(0, 40))
def test_what_is_restored_knows_the_same(stays: list[tuple[int, int]], cut: int) -> None:
    """A changelog read at any point goes on to the same history."""
    whole, first = Habits(DEFAULT_LIMITS), Habits(DEFAULT_LIMITS)
    kept: dict[bytes, Any] = {}
    events = [Stay("acme", "DELIVERY", NOON_MS + day * DAY_MS, m * MINUTE_MS) for day, m in stays]
    for stay in events:
        whole.observe(stay)
    for stay in events[:cut]:
        first.observe(stay)
        kept.update(first.take_changes())
    second = Habits(DEFAULT_LIMITS)
    for key, value in kept.items():
        second.restore(key, value)
    for stay in events[cut:]:
        second.observe(stay)
    assert second.learned("acme", {KEY}, NOON_MS + 9 * DAY_MS) == whole.learned(
        "acme", {KEY}, NOON_MS + 9 * DAY_MS
    )


def at_day(event: Any, day: int, van: int) -> Record:
    """The event of the first day, so many days later and about a route of its own."""

    def later(at: datetime) -> datetime:
        return at + timedelta(days=day)

    if isinstance(event, wire.Plan):
        event.route_id = f"R{day}-{van}"
        event.departs_at, event.ends_by = later(event.departs_at), later(event.ends_by)
        event.received_at = later(event.received_at or event.departs_at)
        event.stops = tuple(
            msgspec.structs.replace(
                stop,
                planned_arrival=later(stop.planned_arrival),
                planned_departure=later(stop.planned_departure),
            )
            for stop in event.stops
        )
    elif isinstance(event, wire.Scan):
        event.route_id = f"R{day}-{van}"
        event.occurred_at, event.received_at = later(event.occurred_at), later(event.received_at)
    elif isinstance(event, wire.Tick):
        event.upto = later(event.upto)
    return Record("route-events", 0, day, 0, None, wire.encode(event))


def one_day(fold: TrackFold, day: int, halt_minutes: int, vans: int = 8) -> set[ExceptionCode]:
    """What is told of vans that all stand on the road for a time on that day."""
    until = 300 + halt_minutes * 60
    pings = drive(0, 300, 0) + stand(330, until, 2500) + drive(until + 30, until + 900, 2750)
    events = [wire.decode_route_event(r.value or b"") for r in day_of(pings, range(0, 3000, 60))]
    outs = []
    for van in range(vans):
        day_long = [e for e in events if van == vans - 1 or not isinstance(e, wire.Tick)]
        outs += fold.fold([at_day(deepcopy(event), day, van) for event in day_long]).outputs
    return {r.code for r in exceptions_in(outs) if r.transition is Transition.OPENED}


def test_what_is_usual_is_not_told_for_ever() -> None:
    """Where vans of a carrier rest for up to a quarter of an hour every day, 12 min is no exception any more;
    before the carrier was known, it was."""
    fold = new_fold()
    assert ExceptionCode.LONG_HALT in one_day(fold, 0, 12)
    for day in range(1, 9):
        one_day(fold, day, 15)
    assert ExceptionCode.LONG_HALT not in one_day(fold, 9, 12)


def test_the_limits_in_force_are_published() -> None:
    """Each status says how long the van may stand on the road and at its next stop."""
    outs = new_fold().fold(day_of(drive(0, 300, 0), TICKS_ALL_DAY)).outputs
    statuses = [wire.decode_any(out.value or b"") for out in outs if out.topic == "route-status"]
    first = statuses[0]
    assert isinstance(first, wire.RouteStatus)
    assert (first.halt_limit_s, first.dwell_limit_s) == (600.0, 480.0)
