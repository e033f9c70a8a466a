"""Payloads of a simulated day against the shipped mappings: sound ones understood, broken ones refused."""

from __future__ import annotations

from collections import Counter

import pytest

from controltower.clock import epoch_ms_of, instant_of
from controltower.feeds.registry import Feed, load_feeds
from controltower.feeds.rejection import Rejected
from controltower.intake import Arrival
from controltower.simulate.assumptions import ASSUMPTIONS
from controltower.simulate.city import to_degrees
from controltower.simulate.clock import SimulatedClock
from controltower.simulate.day import Day, simulate_day
from controltower.simulate.dialects import PEOPLE, UNDOCUMENTED_CODES, write_payload
from controltower.simulate.garbage import KINDS, STRANGE_FEED
from controltower.simulate.observe import Observation, scan
from schemas.vocabulary import Milestone, Reason
from schemas.wire import Scan, Source, encode

HERE = Source("carrier-events", 0, 0)


@pytest.fixture(scope="module")
def day() -> Day:
    return simulate_day(5, vans=8, parcels=320)


@pytest.fixture(scope="module")
def feeds() -> dict[str, Feed]:
    return load_feeds()


def _read(arrival: Arrival, feeds: dict[str, Feed]) -> list[Scan]:
    return feeds[arrival.feed].read(arrival.payload, instant_of(arrival.received_at_ms), HERE)


def _sound(day: Day) -> list[Arrival]:
    broken = {garbage.arrival for garbage in day.spoilt}
    return [arrival for arrival in day.arrivals if arrival not in broken]


def test_every_sound_payload_is_accepted(day: Day, feeds: dict[str, Feed]) -> None:
    """Each gives scans of its own feed, taken at most 82 s (a duplicate: 127 s) before they were received."""
    for arrival in _sound(day):
        for found in _read(arrival, feeds):
            assert found.feed == arrival.feed
            age_s = (found.received_at - found.occurred_at).total_seconds()
            assert 0 <= age_s <= 128


def test_every_broken_payload_is_refused_for_its_reason(day: Day, feeds: dict[str, Feed]) -> None:
    """The reason in the truth is the one that normalize gives."""
    assert day.spoilt
    for garbage in day.spoilt:
        if garbage.arrival.feed == STRANGE_FEED:
            assert STRANGE_FEED not in feeds
            continue
        with pytest.raises(Rejected) as refused:
            _read(garbage.arrival, feeds)
        assert refused.value.reason == garbage.reason


def test_a_full_day_has_every_kind_of_garbage() -> None:
    """Of both feeds together, each reason at least once."""
    reasons = Counter(garbage.reason for garbage in simulate_day(1).spoilt)
    assert set(reasons) == {reason for reason, _ in KINDS}


def test_a_position_keeps_vehicle_route_time_and_place(day: Day, feeds: dict[str, Feed]) -> None:
    """What a tracker saw is what normalize reads, in both dialects."""
    for movement in day.movements[:4]:
        clock = SimulatedClock(instant_of(day.starts_at_ms))
        lat, lon = to_degrees(movement.tour.depot)
        ping = Observation(
            movement.tour, 1, 1234, lat=lat, lon=lon, accuracy_m=7.5, speed_mps=10.0, bearing_deg=90.0
        )
        local = clock if movement.tour.carrier.feed == "swiftpost" else _in_city(day)
        payload = write_payload([ping], local, 1235)
        (found,) = feeds[movement.tour.carrier.feed].read(payload, instant_of(day.ends_at_ms), HERE)
        assert (found.route_id, found.vehicle_id) == (movement.tour.route_id, movement.tour.vehicle_id)
        assert epoch_ms_of(found.occurred_at) == day.starts_at_ms + 1_234_000
        assert found.milestone is None
        assert found.place is not None
        assert (found.place.lat, found.place.lon, found.place.accuracy_m) == (lat, lon, 7.5)
        assert found.place.speed_mps == pytest.approx(10.0, abs=0.05)


def _in_city(day: Day) -> SimulatedClock:
    from zoneinfo import ZoneInfo

    return SimulatedClock(instant_of(day.starts_at_ms).astimezone(ZoneInfo("Europe/Berlin")))


def test_parcel_scans_say_what_happened_at_the_door(day: Day, feeds: dict[str, Feed]) -> None:
    """Each parcel is loaded, goes out, and ends delivered or failed at the second its visit says."""
    told: dict[tuple[str, Milestone], tuple[int, Reason | None]] = {}
    for arrival in _sound(day):
        for found in _read(arrival, feeds):
            for parcel in found.shipment_ids:
                assert found.route_id is None
                assert found.milestone is not None
                told[parcel, found.milestone] = (epoch_ms_of(found.occurred_at), found.reason)
    outcomes = {outcome.stop_id: outcome for outcome in day.outcomes}
    for plan in day.plans:
        for stop in plan.stops[1:]:
            outcome = outcomes[stop.stop_id]
            last = Milestone.DELIVERED if outcome.delivered else Milestone.ATTEMPT_FAILED
            for parcel in stop.shipment_ids:
                assert (parcel, Milestone.LOADED) in told
                assert (parcel, Milestone.OUT_FOR_DELIVERY) in told
                at_ms, reason = told[parcel, last]
                assert at_ms == outcome.served_at_ms
                assert (reason is None) == outcome.delivered


def test_undocumented_codes_are_unmapped(feeds: dict[str, Feed]) -> None:
    """Some doors report a code no mapping knows; it is kept raw and never guessed."""
    day = simulate_day(1)
    codes = Counter(
        (found.feed, found.raw_code)
        for arrival in _sound(day)
        for found in _read(arrival, feeds)
        if found.milestone is Milestone.UNMAPPED
    )
    assert set(codes) == set(UNDOCUMENTED_CODES.items())


def test_no_name_of_a_person_leaves_the_mapper(day: Day, feeds: dict[str, Feed]) -> None:
    """The payloads name couriers and recipients; no scan does."""
    payloads = b"".join(arrival.payload for arrival in day.arrivals)
    scans = b"".join(encode(found) for arrival in _sound(day) for found in _read(arrival, feeds))
    for person in PEOPLE:
        assert person.encode() in payloads
        assert person.encode() not in scans
        assert person.split()[1].encode() not in scans


def test_scans_are_numbered_after_the_pings(day: Day) -> None:
    """Metroline's number is unique per vehicle and day, so a scan never repeats a ping's."""
    from random import Random

    movement = day.movements[0]
    numbers = [report.number for report in scan(movement, 501, ASSUMPTIONS, Random(1))]
    assert numbers == list(range(501, 501 + len(numbers)))
