"""A simulated day: the same seed gives the same day, and its truth agrees with what the vans did."""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import replace

import pytest

from controltower import polyline
from controltower.simulate.assumptions import ASSUMPTIONS, Traffic
from controltower.simulate.city import to_degrees
from controltower.simulate.day import Day, simulate_day
from controltower.simulate.detour import OFF_PATH_M
from controltower.simulate.drive import Movement
from controltower.simulate.incidents import Kind
from controltower.simulate.inject import HALT_CLEARANCE_M
from controltower.simulate.lines import distance_to_line_m
from controltower.simulate.truth import TrueEvent
from schemas.plan import Plan
from schemas.wire import encode

SMALL = {"vans": 6, "parcels": 180}


@pytest.fixture(scope="module")
def day() -> Day:
    return simulate_day(1)


def _movement(day: Day, event: TrueEvent) -> Movement:
    return next(movement for movement in day.movements if movement.tour.route_id == event.route_id)


def _events(day: Day, kind: Kind) -> list[TrueEvent]:
    return [event for event in day.truth if event.kind is kind]


def _position(day: Day, event: TrueEvent, at_ms: int) -> tuple[float, float]:
    """Where the van of an event truly was."""
    second = (at_ms - day.starts_at_ms) / 1000
    knots = _movement(day, event).knots
    index = max(i for i, knot in enumerate(knots[:-1]) if knot[0] <= second)
    (t0, x0, y0), (t1, x1, y1) = knots[index], knots[index + 1]
    share = 0.0 if t1 == t0 else min(1.0, (second - t0) / (t1 - t0))
    return x0 + (x1 - x0) * share, y0 + (y1 - y0) * share


def test_the_same_seed_gives_the_same_day() -> None:
    """Arrivals, plans and truth are equal to the byte."""
    first, second = simulate_day(7, **SMALL), simulate_day(7, **SMALL)
    assert first.arrivals == second.arrivals
    assert [encode(plan) for plan in first.plans] == [encode(plan) for plan in second.plans]
    assert first.truth == second.truth
    assert first.outcomes == second.outcomes


def test_another_seed_gives_another_day() -> None:
    """Seeds are not ignored."""
    assert simulate_day(7, **SMALL).arrivals != simulate_day(8, **SMALL).arrivals


def test_the_default_day_is_as_large_as_the_demo_promises(day: Day) -> None:
    """42 vans and 2,100 parcels on two feeds, most vans with a path and some without."""
    assert len(day.plans) == 42
    assert sum(len(stop.shipment_ids) for plan in day.plans for stop in plan.stops) == 2100
    assert Counter(plan.carrier for plan in day.plans) == {"swiftpost": 21, "metroline": 21}
    assert 0 < sum(plan.path is None for plan in day.plans) < 12


def test_every_plan_keeps_the_contract(day: Day) -> None:
    """The strict model of the edge accepts each plan as it is written."""
    for plan in day.plans:
        assert Plan.model_validate_json(encode(plan)).route_id == plan.route_id


def test_parcels_and_stops_have_ids_of_their_own(day: Day) -> None:
    """No id stands for two things on one day."""
    parcels = [p for plan in day.plans for stop in plan.stops for p in stop.shipment_ids]
    stops = [stop.stop_id for plan in day.plans for stop in plan.stops[1:]]
    assert len(set(parcels)) == len(parcels)
    assert len(set(stops)) == len(stops)


def test_the_path_leads_over_every_door(day: Day) -> None:
    """Each stop of a plan with a path lies on that path."""
    plan = next(plan for plan in day.plans if plan.path)
    tour = next(m.tour for m in day.movements if m.tour.route_id == plan.route_id)
    decoded = polyline.decode(plan.path or "")
    assert decoded[0] == pytest.approx(to_degrees(tour.depot), abs=2e-5)
    assert all(distance_to_line_m(drop.point, tour.path) < 1.0 for drop in tour.drops)


def test_arrivals_come_in_order_of_arrival(day: Day) -> None:
    """The intake's clock never goes back."""
    times = [arrival.received_at_ms for arrival in day.arrivals]
    assert times == sorted(times)


def test_reports_are_late_twice_and_out_of_order_within_the_bounds(day: Day) -> None:
    """About 4 % come twice, and some positions overtake others of the same van."""
    seen = Counter(arrival.payload for arrival in day.arrivals if arrival.payload)
    twice = sum(count - 1 for count in seen.values())
    assert 0.03 < twice / len(day.arrivals) < 0.05
    newest: dict[str, str] = {}
    overtaken = 0
    for arrival in day.arrivals:
        if arrival.feed != "swiftpost" or b'"PS"' not in arrival.payload:
            continue
        try:
            event = json.loads(arrival.payload)["events"][-1]
            van, at = event["tour"]["van"], event["at"]
        except (KeyError, ValueError):
            continue
        overtaken += at < newest.get(van, "")
        newest[van] = max(at, newest.get(van, ""))
    assert overtaken > 50


def test_as_many_events_as_assumed_and_one_per_van(day: Day) -> None:
    """Each injected event has a van to itself, so that the truth is unambiguous."""
    counts = Counter(event.kind for event in day.truth)
    mix = ASSUMPTIONS.incidents
    assert counts[Kind.LONG_HALT] == mix.long_halts
    assert counts[Kind.ROUTE_DEVIATION] == mix.detours
    assert counts[Kind.SIGNAL_LOST] == mix.dead_trackers
    assert counts[Kind.EXCESS_DWELL] == mix.excess_dwells
    assert counts[Kind.LATE_DEPARTURE] == mix.late_departures
    assert counts[Kind.JUMP] == mix.jumps
    vans = Counter(event.route_id for event in day.truth if event.kind is not Kind.LATE_STOPS)
    assert max(vans.values()) == 1


def test_a_halt_stands_still_away_from_every_door(day: Day) -> None:
    """From beginning to end of a true halt the van is at one place, and that is no stop."""
    for event in _events(day, Kind.LONG_HALT):
        start, end = _position(day, event, event.starts_at_ms), _position(day, event, event.ends_at_ms)
        assert math.dist(start, end) < 2.0
        doors = [drop.point for drop in _movement(day, event).tour.drops]
        assert min(math.dist(start, door) for door in doors) >= HALT_CLEARANCE_M - 2.0
        assert event.ends_at_ms - event.starts_at_ms >= 12 * 60_000


def test_a_detour_stays_off_the_path_for_three_minutes(day: Day) -> None:
    """The van is further than 200 m from its whole path for more than 3 min, and comes back."""
    for event in _events(day, Kind.ROUTE_DEVIATION):
        path = _movement(day, event).tour.path
        seconds = range(event.starts_at_ms, event.ends_at_ms, 1000)
        off = [distance_to_line_m(_position(day, event, at_ms), path) > OFF_PATH_M for at_ms in seconds]
        assert sum(off) > 180
        assert distance_to_line_m(_position(day, event, event.ends_at_ms), path) < 1.0


def test_an_excess_dwell_is_at_the_door_it_names(day: Day) -> None:
    """The van stays at the named stop, well beyond its planned arrival there."""
    for event in _events(day, Kind.EXCESS_DWELL):
        visit = next(v for v in _movement(day, event).visits if v.drop.stop_id == event.stop_ids[0])
        assert math.dist(_position(day, event, event.starts_at_ms + 60_000), visit.drop.point) < 1.0
        begins_s = max(visit.arrived_s, visit.drop.planned_s)
        assert visit.left_s - begins_s >= 16 * 60


def test_a_dead_tracker_reports_nothing_while_it_is_dead(day: Day) -> None:
    """No ping of the van is from within the silence, but some are from before and after."""
    for event in _events(day, Kind.SIGNAL_LOST):
        van = _movement(day, event).tour.vehicle_id
        times = _ping_seconds(day, van)
        start, end = event.starts_at_ms / 1000, event.ends_at_ms / 1000
        assert not [at for at in times if start < at < end]
        assert min(times) < start
        assert max(times) > end


def _ping_seconds(day: Day, van: str) -> list[float]:
    from datetime import datetime
    from zoneinfo import ZoneInfo

    spoilt = {garbage.arrival.payload for garbage in day.spoilt}
    times: list[float] = []
    for arrival in day.arrivals:
        if arrival.key != van.encode() or arrival.payload in spoilt:
            continue
        record = json.loads(arrival.payload)
        if "events" in record:
            times += [datetime.fromisoformat(event["at"]).timestamp() for event in record["events"]]
        else:
            local = datetime.strptime(record["zeit"], "%d.%m.%Y %H:%M:%S")
            times.append(local.replace(tzinfo=ZoneInfo("Europe/Berlin")).timestamp())
    return times


def test_a_late_departure_leaves_the_depot_late(day: Day) -> None:
    """The truth spans the planned and the true departure, 20 min apart or more."""
    for event in _events(day, Kind.LATE_DEPARTURE):
        movement = _movement(day, event)
        left_ms = day.starts_at_ms + movement.departed_s * 1000
        assert left_ms - event.starts_at_ms >= 19 * 60_000
        assert event.ends_at_ms == pytest.approx(left_ms, abs=1)


def test_late_stops_are_those_that_came_after_their_promise(day: Day) -> None:
    """The truth of a route lists exactly the outcomes that are late."""
    told = {stop_id for event in _events(day, Kind.LATE_STOPS) for stop_id in event.stop_ids}
    late = {o.stop_id for o in day.outcomes if o.arrived_at_ms > o.promised_at_ms}
    assert told == late
    assert 0.02 < len(late) / len(day.outcomes) < 0.3


def test_there_is_one_label_per_planned_door(day: Day) -> None:
    """Outcomes carry the stop ids, sequences and promises of the plans."""
    planned = {
        (plan.route_id, stop.stop_id, stop.sequence, round((stop.promised_by).timestamp() * 1000))
        for plan in day.plans
        for stop in plan.stops[1:]
        if stop.promised_by
    }
    assert {(o.route_id, o.stop_id, o.sequence, o.promised_at_ms) for o in day.outcomes} == planned


def test_no_natural_stop_is_an_excess_dwell(day: Day) -> None:
    """Only the injected dwells last longer than 8 min."""
    injected = {event.stop_ids[0] for event in _events(day, Kind.EXCESS_DWELL)}
    longest = {v.drop.stop_id for m in day.movements for v in m.visits if v.left_s - v.arrived_s > 8 * 60}
    assert longest == injected


def test_full_streets_make_more_stops_late() -> None:
    """The traffic level changes what the delay model has to learn."""
    quiet = replace(ASSUMPTIONS, incidents=replace(ASSUMPTIONS.incidents, late_departures=0))
    light = simulate_day(3, **SMALL, traffic=Traffic.LIGHT, assumptions=quiet)
    heavy = simulate_day(3, **SMALL, traffic=Traffic.HEAVY, assumptions=quiet)
    assert sum(o.late for o in heavy.outcomes) > sum(o.late for o in light.outcomes)


def test_a_city_too_small_for_its_stops_is_refused() -> None:
    """The error says what to change."""
    with pytest.raises(ValueError, match="larger city"):
        simulate_day(1, vans=40, parcels=4000, city_km=2.0)
