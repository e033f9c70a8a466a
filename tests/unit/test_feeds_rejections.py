"""Whatever cannot be read is refused by a reason from the closed list and a detail without values."""

from __future__ import annotations

from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

import pytest

from controltower.feeds.rejection import Rejected
from schemas.vocabulary import RejectReason as Why
from schemas.wire import Source
from tests.unit.payloads import FEEDS, carrier_event, new_fold, position, samples_of

RECEIVED_AT = datetime(2026, 3, 2, 8, 15, 40, tzinfo=UTC)


def reject(feed: str, value: bytes | None) -> Rejected:
    with pytest.raises(Rejected) as caught:
        FEEDS[feed].read(value, RECEIVED_AT, Source("carrier-events", 0, 0))
    return caught.value


def plain(**changes: Any) -> bytes:
    return carrier_event({**position(), **changes}).value or b""


def placed(**changes: Any) -> bytes:
    return plain(place={"lat": 52.5, "lon": 13.4, **changes})


def with_raw(field: bytes, raw: bytes) -> bytes:
    """A plain position with a JSON literal that Python's encoder would not write."""
    return plain(**{field.decode(): "@"}).replace(b'"@"', raw)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, Why.EMPTY),
        (b"", Why.EMPTY),
        (b" " * (1 << 20) + b"1", Why.TOO_LARGE),
        (b'{"event_id": "\xff"}', Why.NOT_UTF8),
        (b"\xff\xfe{\x00}\x00", Why.NOT_UTF8),
        (b"<xml/>", Why.NOT_PARSABLE),
        (b'{"event_id": ', Why.NOT_PARSABLE),
        (b'{"a": NaN}', Why.NOT_PARSABLE),
        (b'{"a": "\\ud800"}', Why.NOT_PARSABLE),
        (b'{"a": 1e999}', Why.OUT_OF_RANGE),
        (b"[" * 65 + b"]" * 65, Why.TOO_DEEP),
        (b"[" * 500_000, Why.TOO_DEEP),
        (b'{"a":' * 400 + b"1" + b"}" * 400, Why.TOO_DEEP),
        (b"[]", Why.WRONG_TYPE),
        (b"7", Why.WRONG_TYPE),
        (plain(schema="controltower.plain/2"), Why.UNKNOWN_SCHEMA),
        (plain(schema={}), Why.WRONG_TYPE),
        (plain(event_id=None), Why.MISSING_FIELD),
        (plain(event_id=""), Why.MISSING_FIELD),
        (plain(event_id=[1]), Why.WRONG_TYPE),
        (plain(event_id=True), Why.WRONG_TYPE),
        (plain(occurred_at=None), Why.MISSING_FIELD),
        (plain(occurred_at=1771257482), Why.WRONG_TYPE),
        (plain(occurred_at="yesterday"), Why.BAD_TIME),
        (plain(occurred_at="2026-03-02"), Why.BAD_TIME),
        (plain(occurred_at="2026-03-02T08:15:10", place=None), Why.BAD_TIME),
        (plain(occurred_at="0001-01-01T00:00:00+14:00"), Why.BAD_TIME),
        (plain(occurred_at="9999-12-31T23:59:59-14:00"), Why.BAD_TIME),
        (plain(occurred_at="1999-12-31T23:59:59Z"), Why.BAD_TIME),
        (plain(occurred_at="2026-03-04T08:15:41Z"), Why.BAD_TIME),
        (plain(recorded_at="?"), Why.BAD_TIME),
        (plain(route_id=None), Why.NO_SUBJECT),
        (plain(route_id="", shipment_ids=[]), Why.NO_SUBJECT),
        (plain(route_id="r" * 201), Why.OUT_OF_RANGE),
        (with_raw(b"route_id", b"9" * 200), Why.OUT_OF_RANGE),
        (plain(route_id=1.5), Why.WRONG_TYPE),
        (plain(shipment_ids=[["P-1"]]), Why.WRONG_TYPE),
        (plain(shipment_ids=[f"P-{n}" for n in range(5001)]), Why.OUT_OF_RANGE),
        (plain(revision=0), Why.OUT_OF_RANGE),
        (plain(revision="2"), Why.WRONG_TYPE),
        (plain(milestone={}), Why.WRONG_TYPE),
        (plain(place=[52.5, 13.4]), Why.WRONG_TYPE),
        (placed(lat=None), Why.MISSING_FIELD),
        (placed(lat="52.5"), Why.WRONG_TYPE),
        (placed(lat=90.01), Why.OUT_OF_RANGE),
        (placed(lon=-180.01), Why.OUT_OF_RANGE),
        (placed(lat=10**300), Why.OUT_OF_RANGE),
        (placed(lat=0, lon=0.0), Why.OUT_OF_RANGE),
        (placed(speed_mps="fast"), Why.WRONG_TYPE),
        (placed(speed_mps=10**300), Why.OUT_OF_RANGE),
        (placed(accuracy_m=True), Why.WRONG_TYPE),
    ],
)
def test_what_is_refused_and_why(value: bytes | None, reason: Why) -> None:
    """Each kind of bad input has its reason."""
    assert reject("plain", value).reason is reason


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("timestamp", None, Why.MISSING_FIELD),
        ("timestamp", "1e9", Why.BAD_TIME),
        ("timestamp", -1, Why.BAD_TIME),
        ("timestamp", 10**30, Why.BAD_TIME),
        ("timestamp", {}, Why.WRONG_TYPE),
        ("trip", {"trip_id": "1"}, Why.NO_SUBJECT),
        ("trip", {"trip_id": {}, "start_date": "20260216"}, Why.WRONG_TYPE),
        ("position", None, Why.MISSING_FIELD),
    ],
)
def test_a_vehicle_position_is_refused_for(field: str, value: Any, reason: Why) -> None:
    """The transit feed: times in epoch seconds, a trip on a day, a position."""
    sample = deepcopy(samples_of("gtfs-rt")[0])
    sample["vehicle"][field] = value
    assert reject("gtfs-rt", carrier_event(sample).value).reason is reason


def test_the_detail_names_the_event_and_the_field_and_shows_no_value() -> None:
    """Whoever repairs it finds the place, and nobody's data is copied into a header."""
    sample = deepcopy(samples_of("swiftpost")[0])
    sample["events"][1]["geo"]["lat"] = "Erika Mustermann"
    rejected = reject("swiftpost", carrier_event(sample).value)
    assert rejected.detail == "event 1: geo.lat is no number"


def test_a_batch_with_one_bad_event_is_refused_as_a_whole() -> None:
    """Half a record would neither be accepted nor rejected."""
    sample = deepcopy(samples_of("swiftpost")[0])
    sample["events"][1]["at"] = "soon"
    commit = new_fold().fold([carrier_event(sample, "swiftpost")])
    assert commit.tallies == {("received", "swiftpost"): 1, ("rejected", "swiftpost", "BAD_TIME"): 1}


def test_negative_speed_bearing_and_accuracy_mean_unknown() -> None:
    """Trackers send -1 for what they do not know; the position is still good."""
    value = placed(speed_mps=-1, bearing_deg=-1.0, accuracy_m=-1)
    [scan] = FEEDS["plain"].read(value, RECEIVED_AT, Source("carrier-events", 0, 0))
    assert scan.place is not None
    assert (scan.place.speed_mps, scan.place.bearing_deg, scan.place.accuracy_m) == (None, None, None)
