"""What `feeds new` drafts from a sample works at once: every event is read, only meanings are left to say."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.cli import main
from controltower.feeds.draft import draft_mapping
from controltower.feeds.explain import explain
from controltower.feeds.registry import MappingError, make_feed, parse_mapping
from tests.unit.feed_fuzz import payloads
from tests.unit.payloads import FEEDS

RECEIVED_AT = datetime(2026, 3, 3, tzinfo=UTC)

NESTED = """{"data": {"parcels": [{"ref": "P1", "eta": "2026-03-05T10:00:00Z", "statuses": [
 {"state": "DLV", "ts": 1772460300000, "pos": {"lat": "48,85", "lng": "2,35"}},
 {"state": "HUB", "ts": 1772380300000}]}]}}"""
LATEST = """{"barcode": "3SAB1234567", "status": {"code": "11", "description": "Bezorgd",
 "timeStamp": "28-02-2026 14:05:10"}}"""
SIDE_BY_SIDE = """[{"shipment": {"idShip": "EW1", "timeline": [{"date": "2026-03-01T09:00:00+01:00"}],
 "event": [{"code": "DI1", "label": "Livré", "date": "2026-03-02T14:05:00+01:00"}]}}]"""
ROWS = "Sendungsnummer;Datum;Uhrzeit;Statuscode;Ort\r\n0034;02.03.2026;14:05;Z01;Köln\r\n"
LINES = """{"tn": "Z1", "evt": {"cd": "DLV", "d": "02/28/2026", "t": "2:05 PM", "tz": "EST"}}
{"tn": "Z1", "evt": {"cd": "OFD", "d": "02/28/2026", "t": "8:05 AM", "tz": "EST"}}"""
SOAP = """<s:Envelope xmlns:s="u"><s:Body><r><List><Info><PIN><Value>M123</Value></PIN><Scans><Scan>
<ScanType>DLV</ScanType><Depot><Name>Lyon</Name></Depot><ScanDate>2026-03-02</ScanDate>
<ScanTime>140500</ScanTime></Scan></Scans></Info></List></r></s:Body></s:Envelope>"""
ATTRIBUTES = """<data><piece piece-code="00340434161094015902"><events><event
 event-timestamp="02.03.2026 14:05" event-status="Delivered" standard-code="ZU"
 event-country="Germany"/></events></piece></data>"""
FRENCH = """{"contenu": [{"noSuivi": "G123456", "listEvenements": [{"date": "2026-03-02", "heure": "1405",
 "codeEvenement": "LIV", "libelleEvenement": "Livrée", "villeAgence": "LYON"}]}]}"""
NO_HEAD = "AB123456789,20260302,140500,DLV\nAB123456789,20260301,090000,ARR\n"
WITH_OFFSET = """{"tracking_number": "T1", "scans": [{"status": "Delivered", "city": "Reno", "state": "NV",
 "country": "USA", "date": "03/02/2026", "time": "02:05 PM"}]}"""

#: Sample, its ending, events, and the first event: number, UTC, code.
CASES = [
    (NESTED, ".json", 2, ("P1", "2026-03-02T14:05:00Z", "DLV")),
    (LATEST, ".json", 1, ("3SAB1234567", "2026-02-28T13:05:10Z", "11")),
    (SIDE_BY_SIDE, ".json", 1, ("EW1", "2026-03-02T13:05:00Z", "DI1")),
    (ROWS, ".csv", 1, ("0034", "2026-03-02T13:05:00Z", "Z01")),
    (LINES, ".ndjson", 2, ("Z1", "2026-02-28T19:05:00Z", "DLV")),
    (SOAP, ".xml", 1, ("M123", "2026-03-02T13:05:00Z", "DLV")),
    (FRENCH, ".json", 1, ("G123456", "2026-03-02T13:05:00Z", "LIV")),
    (NO_HEAD, ".csv", 2, ("AB123456789", "2026-03-02T13:05:00Z", "DLV")),
    (ATTRIBUTES, ".xml", 1, ("00340434161094015902", "2026-03-02T13:05:00Z", "ZU")),
]


@pytest.mark.parametrize(("sample", "suffix", "count", "first"), CASES)
def test_a_draft_reads_its_sample(sample: str, suffix: str, count: int, first: tuple[str, str, str]) -> None:
    """With the carrier's time zone and nothing else by hand."""
    text = draft_mapping("acme", "acme", sample.encode(), suffix, "Europe/Paris")
    shown = explain(make_feed(parse_mapping(text, "acme.yaml")), sample.encode(), RECEIVED_AT)
    assert (shown.verdict, len(shown.events)) == ("accepted", count), text
    event = shown.events[0]
    assert (event.tracking_number, event.occurred_at_utc, event.code) == first
    assert event.unmapped


def test_a_draft_says_what_a_code_sounds_like_and_never_decides() -> None:
    """The meaning is a remark; the table says UNMAPPED."""
    text = draft_mapping("acme", "acme", SIDE_BY_SIDE.encode(), ".json")
    assert "  DI1: UNMAPPED  # Livré -> DELIVERED?" in text


def test_a_draft_takes_the_place_and_its_zone() -> None:
    """City, region and country joined; the zone by them, so that none has to be named."""
    text = draft_mapping("acme", "acme", WITH_OFFSET.encode(), ".json")
    assert "place_name: {join: [city, state, country]}" in text
    assert "zone: [{country: country, region: state}]" in text
    assert "# CHANGE if day and month are the other way round" in text


def test_a_file_in_an_old_encoding_is_drafted_with_it() -> None:
    """Its bytes are no UTF-8."""
    text = draft_mapping("acme", "acme", ROWS.encode("latin-1"), ".csv", "Europe/Paris")
    assert "encoding: windows-1252" in text
    assert parse_mapping(text, "acme.yaml").csv.delimiter == ";"


def test_what_could_not_be_told_is_named_with_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A draft that still says CHANGE is no mapping."""
    sample, draft = tmp_path / "day.csv", tmp_path / "acme.yaml"
    sample.write_text(ROWS)
    assert main(["feeds", "new", "acme", "--sample", str(sample), "--out", str(draft)]) == 0
    assert main(["feeds", "test", "acme", str(sample), "--mapping", str(draft)]) != 0
    assert "acme.yaml:15: time.zone: 'CHANGE' is no time zone: name the carrier's" in capsys.readouterr().err


def test_a_text_in_a_list_of_lists_breaks_no_draft() -> None:
    """Its place has a path, whether it holds JSON or not."""
    assert "feed: acme" in draft_mapping("acme", "acme", b'[["{}"]]', "", "UTC")


@pytest.mark.parametrize(
    "sample", [b"'\n\x01", rb"""{"it's": "{\"a\": 1}"}""", rb"""{"a'.'b": "{\"a\": 1}", "": "[1]"}"""]
)
def test_a_name_without_a_path_is_passed_over(sample: bytes) -> None:
    """A quote in a name, or no name at all, cannot be written as a path; the draft goes on without it."""
    assert "nested:" not in draft_mapping("acme", "acme", sample, "", "UTC")


@pytest.mark.parametrize("feed", ["plain", "tnt", "plain-csv"])
@given(data=st.data())
@settings(max_examples=30, deadline=None)
def test_no_sample_breaks_the_draft(feed: str, data: st.DataObject) -> None:
    """Whatever it is, a text comes back, and what is wrong with it is told with its line."""
    sample = data.draw(payloads(FEEDS[feed]) | st.binary(max_size=60))
    text = draft_mapping("acme", "acme", sample, "", "UTC")
    try:
        parse_mapping(text, "acme.yaml")
    except MappingError as wrong:
        told = str(wrong)
    else:
        told = "acme.yaml:"
    assert told.startswith("acme.yaml:")
