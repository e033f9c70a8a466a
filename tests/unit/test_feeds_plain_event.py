"""The reader of plain events says what the one for every oddity says, or leaves the payload to it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controltower.clock import instant_of
from controltower.feeds.mapper import compile_reader
from controltower.feeds.plain_event import compile_plain
from controltower.feeds.registry import Feed
from controltower.feeds.rejection import Rejected
from schemas.wire import Scan, Source
from tests.unit.feed_fuzz import payloads
from tests.unit.payloads import FEEDS, NOW_MS, samples_of
from tests.unit.test_feeds_properties import spoiled_samples

PLAIN = sorted(name for name, feed in FEEDS.items() if feed.mapping.read_plain is not None)
HERE = Source("carrier-events", 0, 7)


def read_slowly(feed: Feed, value: bytes | None) -> Any:
    """What becomes of it without the reader of plain events."""
    read = compile_reader(feed.mapping._replace(read_plain=None))
    try:
        return read(value, instant_of(NOW_MS), HERE, b"K")
    except Rejected as rejected:
        return rejected.reason, rejected.detail


def read_plainly(feed: Feed, value: bytes | None) -> Scan | None:
    assert feed.mapping.read_plain is not None
    return feed.mapping.read_plain(value, instant_of(NOW_MS), HERE)


def hold_both_equal(feed: Feed, value: bytes | None) -> None:
    scan = read_plainly(feed, value)
    assert scan is None or read_slowly(feed, value) == ([scan], [])


def test_positions_of_one_event_each_are_read_plainly() -> None:
    """The feeds that bring by far the most records."""
    assert {"gtfs-rt", "plain"} <= set(PLAIN)
    [sample] = samples_of("gtfs-rt")
    assert read_plainly(FEEDS["gtfs-rt"], json.dumps(sample).encode()) is not None


@given(spoiled_samples().filter(lambda drawn: drawn[0] in PLAIN))
@settings(max_examples=300, deadline=None)
def test_a_spoiled_payload_is_read_the_same_or_left(drawn: tuple[str, bytes]) -> None:
    """Values of the wrong kind, out of range, missing, and damaged bytes."""
    hold_both_equal(FEEDS[drawn[0]], drawn[1])


@pytest.mark.parametrize("feed", PLAIN)
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_junk_under_the_right_names_is_read_the_same_or_left(feed: str, data: st.DataObject) -> None:
    """Objects where values stand, values where objects stand, and every kind of value."""
    hold_both_equal(FEEDS[feed], data.draw(payloads(FEEDS[feed])))


@pytest.mark.parametrize(
    "value",
    [None, b"", b"[]", b'{"a":' * 70 + b"1" + b"}" * 70, b'{"vehicle":' + b" " * (1 << 20) + b"}"],
    ids=["nothing", "empty", "a list", "too deep", "too large"],
)
def test_what_is_no_plain_event_is_left(value: bytes | None) -> None:
    """The limits of a payload are told by the other reader."""
    assert read_plainly(FEEDS["gtfs-rt"], value) is None


@pytest.mark.parametrize(
    "changed",
    [
        {"events": "list[]"},
        {"format": "ndjson"},
        {"encoding": "iso-8859-1"},
        {"skip": [{"field": "vehicle.id", "exists": False}]},
        {"nothing": [{"field": "error", "exists": True}]},
        {"personal": ["driver.name"]},
        {"nested": [{"path": "body"}]},
        {"time": {"format": "iso", "zone": {"field": "tz"}}},
        {"identity": ["stops[0]"]},
        {"identity": ["vehicle"]},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_a_mapping_that_asks_for_more_has_none(changed: dict[str, Any]) -> None:
    """Lists, conditions, zones of the payload, an object as a value: all is left to the other reader."""
    spec = FEEDS["gtfs-rt"].spec
    content = {**spec.model_dump(by_alias=True, exclude_unset=True), **changed}
    assert compile_plain(type(spec).model_validate(content), 0) is None
