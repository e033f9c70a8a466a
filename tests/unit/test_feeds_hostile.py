"""Whatever a carrier sends: it is read or refused with a reason, and names of people stay where they came."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controltower.clock import instant_of
from controltower.feeds.explain import explain
from controltower.feeds.private import redact
from controltower.feeds.rejection import Rejected
from controltower.streaming.stage import Record
from schemas import topics
from schemas.wire import Source
from tests.unit.feed_fuzz import payloads
from tests.unit.payloads import FEEDS, NOW_MS, new_fold, samples_of
from tests.unit.test_feeds_carriers import CARRIERS, PAYLOADS
from tests.unit.test_feeds_more_carriers import CASES

NAME, PHONE, STREET, MAIL = "Erika Mustermann", "+49 170 9988776", "12 Long Barn Lane", "erika@example.org"
PLANTED = (NAME, "Mustermann", PHONE, "9988776", STREET, "Long Barn", MAIL)


@pytest.mark.parametrize("feed", sorted(FEEDS))
@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_no_payload_raises(feed: str, data: st.DataObject) -> None:
    """Every input becomes scans or a rejection with a reason; explaining it says the same."""
    value = data.draw(payloads(FEEDS[feed]))
    shown = explain(FEEDS[feed], value, instant_of(NOW_MS), b"K")
    try:
        made: Any = len(
            FEEDS[feed].read_all(value, instant_of(NOW_MS), Source("carrier-events", 0, 0), b"K").scans
        )
    except Rejected as rejected:
        made = rejected.reason
    assert made == (shown.reason or len(shown.events))


@pytest.mark.parametrize("feed", ["plain", "dhl_express", "gtfs-realtime", "plain-csv", "epcis"])
@given(value=st.binary(max_size=300))
@settings(max_examples=40, deadline=None)
def test_no_bytes_raise(feed: str, value: bytes) -> None:
    """Not even those that are no payload at all."""
    assert explain(FEEDS[feed], value, instant_of(NOW_MS)).verdict in ("accepted", "rejected", "nothing")


def told(sentence: str) -> str:
    return f"{sentence}, signed by {NAME}, tel. {PHONE}, {STREET}, {MAIL}"


def plant(node: Any, texts: set[str]) -> Any:
    """The payload with personal fields in every object, and personal data in what is shown as text."""
    if isinstance(node, dict):
        contact = {"recipientName": NAME, "phone": PHONE, "address": {"street": STREET}, "email": MAIL}
        return {**{name: plant(value, texts) for name, value in node.items()}, **contact}
    if isinstance(node, list):
        return [plant(member, texts) for member in node]
    return told(node) if isinstance(node, str) and node in texts else node


def plant_xml(value: bytes, texts: set[str]) -> bytes:
    root = ElementTree.fromstring(value)
    for element in list(root.iter()):
        if " ".join((element.text or "").split()) in texts:
            element.text = told(element.text or "")
        elif len(element):
            ElementTree.SubElement(element, "recipientName").text = NAME
            ElementTree.SubElement(element, "phone").text = PHONE
        if element.tag.rpartition("}")[2] in ("Signatory", "signatory-name", "ConsigneeName"):
            element.text = NAME
    return bytes(ElementTree.tostring(root))


def samples() -> Iterator[tuple[str, bytes]]:
    for feed in ("aftership", "easypost", "metroline", "plain", "swiftpost", "gtfs-rt"):
        for sample in samples_of(feed):
            yield feed, json.dumps(sample).encode()
    for feed, payload, told_events, _ in CASES:
        if told_events:
            yield feed, payload.encode() if isinstance(payload, str) else json.dumps(payload).encode()
    for name in PAYLOADS:
        if (CARRIERS / name).exists():
            yield Path(name).parts[0], (CARRIERS / name).read_bytes()


def test_names_phones_and_addresses_stay_in_the_intake() -> None:
    """Planted into every object and text of every feed, they are in no output but dead-letters, in no
    changelog, and in no metric."""
    seen = set()
    for feed, value in samples():
        texts = {e.text for e in explain(FEEDS[feed], value, instant_of(2 * NOW_MS), b"K").events if e.text}
        planted = (
            plant_xml(value, texts)
            if value[:1] == b"<"
            else json.dumps(plant(json.loads(value), texts)).encode()
        )
        record = Record(topics.CARRIER_EVENTS, 0, 1, 2 * NOW_MS, b"K", planted, (("feed", feed.encode()),))
        commit = new_fold().fold([record])
        assert commit.tallies["accepted", feed] == 1, feed
        seen.add(feed)
        everything = [out.value or b"" for out in commit.outputs if out.topic != topics.DEAD_LETTERS]
        everything += [(key or b"") + (value or b"") for key, value in commit.changes]
        everything.append(repr(commit.tallies).encode())
        for secret in PLANTED:
            assert not [text for text in everything if secret.encode() in text], (feed, secret)
    assert {"plain", "swiftpost"} <= seen


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Delivered, signed by John Q. Public", "Delivered, signed by [...]"),
        ("Left with Mr Smith at the door.", "Left with [...]"),
        ("Delivered to neighbour", "Delivered to neighbour"),
        ("Arrived at facility 60199", "Arrived at facility 60199"),
        ("Call 030 1234 5678 please", "Call [...] please"),
        ("Zugestellt an Hauptstraße 12b", "Zugestellt an [...]"),
        ("Parcel 2026-03-02 08:15", "Parcel 2026-03-02 08:15"),
    ],
)
def test_what_is_taken_out_of_a_text(text: str, left: str) -> None:
    """Persons go, places of business and numbers of the carrier stay."""
    assert redact(text) == left
