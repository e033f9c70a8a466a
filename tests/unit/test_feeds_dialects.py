"""Each dialect's documented samples become the scans that they describe."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from schemas.scan import Scan as ScanModel
from schemas.vocabulary import Milestone, Reason
from schemas.wire import Scan, Source, encode
from tests.unit.payloads import FEEDS, samples_of

RECEIVED_AT = datetime(2026, 3, 2, 8, 15, 40, tzinfo=UTC)
SOURCE = Source("carrier-events", 1, 7)
#: Feeds whose mapping file shows samples in its head; those of real carriers have recorded payloads.
OURS = ["aftership", "easypost", "gtfs-rt", "metroline", "plain", "swiftpost"]


def read(feed: str, payload: Any, received_at: datetime = RECEIVED_AT) -> list[Scan]:
    return FEEDS[feed].read(json.dumps(payload).encode(), received_at, SOURCE)


@pytest.mark.parametrize("feed", OURS)
def test_every_documented_sample_is_accepted_and_fits_the_contract(feed: str) -> None:
    """What a mapping file shows can be sent as it stands, and the scans pass the pydantic model."""
    samples = samples_of(feed)
    assert samples
    for sample in samples:
        for scan in read(feed, sample):
            assert ScanModel.model_validate_json(encode(scan)).feed == feed


def test_gtfs_rt_names_the_trip_of_one_service_day_as_the_route() -> None:
    """route_id is <trip_id>@<start_date>; times are epoch seconds, speed in m/s."""
    [scan] = read("gtfs-rt", samples_of("gtfs-rt")[0])
    assert (scan.route_id, scan.vehicle_id, scan.stop_id) == ("8428100@20260216", "5473", "7219")
    assert scan.occurred_at == datetime(2026, 2, 16, 15, 58, 2, tzinfo=UTC)
    assert scan.milestone is None
    assert scan.place is not None
    assert (scan.place.lat, scan.place.lon, scan.place.speed_mps) == (38.923519, -77.052109, 4.57)


def test_gtfs_rt_is_read_in_protobufs_own_json_too() -> None:
    """camelCase names and 64-bit integers written as text give the same scan."""
    sample = samples_of("gtfs-rt")[0]
    vehicle = sample["vehicle"]
    camel = {
        "id": "5473",
        "vehicle": {
            "trip": {"tripId": "8428100", "startDate": "20260216"},
            "vehicle": {"id": "5473"},
            "position": vehicle["position"],
            "timestamp": str(vehicle["timestamp"]),
            "stopId": "7219",
        },
    }
    assert encode(read("gtfs-rt", camel)[0]) == encode(read("gtfs-rt", sample)[0])


def test_swiftpost_batches_hold_positions_and_parcel_scans() -> None:
    """A batch of a position and a delivery of two parcels becomes three scans, one per parcel."""
    van, first, second = read("swiftpost", samples_of("swiftpost")[0])
    assert (van.milestone, van.shipment_ids, van.source.index) == (None, (), 0)
    assert van.occurred_at == datetime(2026, 3, 2, 8, 15, 12, tzinfo=UTC)
    assert [scan.shipment_ids for scan in (first, second)] == [("SP00000001",), ("SP00000002",)]
    assert {scan.milestone for scan in (first, second)} == {Milestone.DELIVERED}
    assert first.stop_id == "SP-0302-07-S012"
    assert first.source.index == second.source.index == 1
    assert first.recorded_at == datetime(2026, 3, 2, 8, 15, 31, tzinfo=UTC)


def test_metroline_times_are_local_and_its_speed_is_per_hour() -> None:
    """The assumed zone is named in the scan; 27.5 km/h are 7.64 m/s."""
    [scan] = read("metroline", samples_of("metroline")[0])
    assert scan.occurred_at == datetime(2026, 3, 2, 8, 15, 12, tzinfo=UTC)
    assert scan.occurred_at_assumed_zone == "Europe/Berlin"
    assert scan.place is not None
    assert scan.place.speed_mps == pytest.approx(27.5 / 3.6)


@pytest.mark.parametrize(
    ("received_at", "hour_utc"),
    [(datetime(2026, 10, 25, 0, 31, tzinfo=UTC), 0), (datetime(2026, 10, 25, 1, 31, tzinfo=UTC), 1)],
)
def test_the_repeated_hour_is_told_apart_by_when_it_was_received(
    received_at: datetime, hour_utc: int
) -> None:
    """02:30 happens twice when summer time ends; the second is taken once it can have happened."""
    sample = {**samples_of("metroline")[0], "zeit": "25.10.2026 02:30:00"}
    assert read("metroline", sample, received_at)[0].occurred_at.hour == hour_utc


@pytest.mark.parametrize(
    ("status", "milestone", "reason"),
    [
        (50, Milestone.DELIVERED, None),
        ("50", Milestone.DELIVERED, None),
        (60, Milestone.ATTEMPT_FAILED, Reason.CONSIGNEE_ABSENT),
        ("SCHADEN", Milestone.HELD, Reason.CARRIER_DAMAGED),
        (0, None, None),
        ("", None, None),
        (999, Milestone.UNMAPPED, None),
        ("zugestellt?", Milestone.UNMAPPED, None),
    ],
)
def test_codes_are_looked_up_and_never_guessed(
    status: int | str, milestone: Milestone | None, reason: Reason | None
) -> None:
    """Numbers and words are codes; an unknown one is UNMAPPED and keeps its raw code."""
    [scan] = read("metroline", {**samples_of("metroline")[1], "status": status})
    assert (scan.milestone, scan.reason) == (milestone, reason)
    assert scan.raw_code == (str(status) if status != "" else None)


@pytest.mark.parametrize(
    ("feed", "payload"),
    [("swiftpost", {"v": "2", "events": []}), ("metroline", {"satzart": "LEER", "version": 3})],
)
def test_nothing_new_is_no_error(feed: str, payload: Any) -> None:
    """A carrier that has nothing to tell is understood: no scan, no rejection."""
    assert read(feed, payload) == []


def test_a_scan_id_follows_the_event_and_not_the_delivery() -> None:
    """The same event has the same id when it is sent again, later, or with its parcels grouped otherwise."""
    sample = samples_of("swiftpost")[0]
    event = sample["events"][1]
    alone = {**sample, "events": [{**event, "items": ["SP00000002"]}]}
    again = read("swiftpost", alone, datetime(2026, 3, 2, 9, 0, tzinfo=UTC))
    first = read("swiftpost", sample)
    assert again[0].scan_id == first[2].scan_id
    assert len({scan.scan_id for scan in first}) == 3


def test_only_mapped_fields_leave_the_payload() -> None:
    """A recipient's name in a field that no mapping reads is nowhere in the scan."""
    sample = {**samples_of("metroline")[1], "empfaenger": "Erika Mustermann", "statustext": "x" * 500}
    [scan] = read("metroline", sample)
    assert b"Mustermann" not in encode(scan)
    assert scan.raw_text == "x" * 200
