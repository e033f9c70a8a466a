"""JSON as text within a payload, as message services wrap it: read in its place or refused."""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controltower.feeds.draft import draft_mapping
from controltower.feeds.registry import MappingError, make_feed, parse_mapping
from controltower.feeds.rejection import Rejected
from schemas.vocabulary import RejectReason
from schemas.wire import Scan, Source

RECEIVED_AT = datetime(2026, 3, 3, tzinfo=UTC)
SAID = {"no": "P1", "events": [{"code": "DLV", "time": "2026-03-02T14:05:00Z"}]}
MAPPING = """
feed: wrapped
carrier: wrapped
nested: [{path: 'Records[].body'}, {path: 'Records[].body.data', written: base64}]
events: 'Records[].body.data.events[]?'
fields: {shipment_ids: ^.body.data.no, code: code, occurred_at: time}
time: {format: iso}
codes: {DLV: DELIVERED}
"""
FEED = make_feed(parse_mapping(MAPPING, "wrapped.yaml"))


def read(payload: Any) -> list[Scan]:
    return FEED.read(json.dumps(payload).encode(), RECEIVED_AT, Source("carrier-events", 0, 1))


def in_base64(value: Any) -> str:
    return base64.b64encode(json.dumps(value).encode()).decode()


def records(*bodies: Any) -> dict[str, Any]:
    return {"Records": [{"body": body} for body in bodies]}


def test_text_within_text_is_read_for_every_member() -> None:
    """Each record's body is JSON as text, and holds base64 of JSON; both are gone through by paths."""
    other = {**SAID, "no": "P2"}
    bodies = [json.dumps({"data": in_base64(said)}) for said in (SAID, other)]
    assert [scan.shipment_ids for scan in read(records(*bodies))] == [("P1",), ("P2",)]


def test_what_is_no_text_is_left_as_it_is() -> None:
    """A service that delivers the carrier's object itself needs no other mapping."""
    assert [scan.shipment_ids for scan in read(records({"data": SAID}))] == [("P1",)]


@pytest.mark.parametrize(
    ("body", "reason", "where"),
    [
        ("{", RejectReason.NOT_PARSABLE, "Records[].body"),
        ("", RejectReason.EMPTY, "Records[].body"),
        ("[" * 65 + "]" * 65, RejectReason.TOO_DEEP, "Records[].body"),
        ({"data": "no base64!"}, RejectReason.NOT_PARSABLE, "Records[].body.data"),
        ({"data": base64.b64encode(b"\xff\xfe").decode()}, RejectReason.NOT_UTF8, "Records[].body.data"),
    ],
)
def test_what_is_not_json_is_refused_with_its_path(body: Any, reason: RejectReason, where: str) -> None:
    """The reasons of a payload of its own, the path in the detail, nothing of the text."""
    with pytest.raises(Rejected) as refused:
        read(records(body))
    assert refused.value.reason is reason
    assert refused.value.detail.startswith(f"{where}: ")


NAMES = st.sampled_from(["Records", "body", "data", "events"])
VALUES = st.recursive(
    st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(NAMES, inner)
)


@given(VALUES)
def test_nothing_but_a_rejection_escapes(payload: Any) -> None:
    """Whatever stands in the places of the texts: scans or a named reason."""
    wrapped = {"data": payload}
    for value in (payload, records(payload), records(wrapped), records(json.dumps(wrapped))):
        with suppress(Rejected):
            assert all(scan.feed == "wrapped" for scan in read(value))


def test_a_path_that_is_none_is_an_error_of_the_mapping() -> None:
    """Only names and [] lead to a text; the error names the line."""
    with pytest.raises(MappingError, match=r":4: nested.*no path of names"):
        parse_mapping(MAPPING.replace("Records[].body'}, ", "Records[0].body'}, "), "wrapped.yaml")


WRAPPED = [
    {"Message": json.dumps(SAID), "Type": "Notification"},
    {"message": {"data": in_base64(SAID)}},
    records(json.dumps({"Message": json.dumps(SAID)})),
]


@pytest.mark.parametrize("wrapped", WRAPPED)
def test_a_draft_finds_what_is_wrapped(wrapped: Any) -> None:
    """`feeds new` on a wrapped sample drafts a mapping that reads its events."""
    sample = json.dumps(wrapped).encode()
    feed = make_feed(parse_mapping(draft_mapping("wrapped", "wrapped", sample, ".json"), "wrapped.yaml"))
    [scan] = feed.read(sample, RECEIVED_AT, Source("carrier-events", 0, 1))
    assert (scan.shipment_ids, scan.raw_code) == (("P1",), "DLV")
