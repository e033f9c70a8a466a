"""Oddities of carriers that a mapping reads without code: encodings, empty elements, dates in many words."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from controltower.feeds.countries import country_code
from controltower.feeds.explain import explain
from controltower.feeds.payload import decode_payload
from controltower.feeds.registry import make_feed, parse_mapping
from controltower.feeds.rejection import Rejected
from controltower.feeds.time_patterns import compile_pattern
from controltower.feeds.xml_payload import decode_xml

RECEIVED_AT = datetime(2026, 3, 3, tzinfo=UTC)
CSV = """\
feed: kurier
carrier: kurier
format: csv
encoding: {encoding}
csv: {{delimiter: ";"}}
fields:
  shipment_ids: Nr
  code: "{{Art}}/{{Grund?}}"
  text: Text
  occurred_at: "{{Datum}} {{Zeit}}{{Versatz}}"
  lat: Breite
  lon: Länge
time: {{format: "%d. %b %Y %H:%M%z"}}
codes: {{Z/: DELIVERED, N/03: [ATTEMPT_FAILED, CONSIGNEE_ABSENT]}}
"""
ROWS = (
    "Nr;Datum;Zeit;Versatz;Art;Grund;Text;Breite;Länge\r\n"
    "K1;2. März 2026;14:05;+01;Z;;Zugestellt in Köln;50,9375;6,9603\r\n"
    "K1;2. März 2026;09:05;+01;N;03;Niemand da;50,9375;6,9603\r\n"
)


@pytest.mark.parametrize("encoding", ["utf-8", "iso-8859-1", "windows-1252", "utf-16"])
def test_a_file_in_another_encoding(encoding: str) -> None:
    """Semicolons, decimal commas, a code of two fields, an offset of its own, months by name."""
    feed = make_feed(parse_mapping(CSV.format(encoding=encoding), "kurier.yaml"))
    first, second = explain(feed, ROWS.encode(encoding), RECEIVED_AT).events
    assert (first.occurred_at, first.milestone) == ("2026-03-02T14:05:00+01:00", "DELIVERED")
    assert first.text == "Zugestellt in Köln"
    assert first.place is not None
    assert (first.place["lat"], first.place["lon"]) == (50.9375, 6.9603)
    assert (second.code, second.reason) == ("N/03", "CONSIGNEE_ABSENT")


def test_an_encoding_that_does_not_fit_is_told() -> None:
    """Bytes are never read as something that they are not."""
    feed = make_feed(parse_mapping(CSV.format(encoding="utf-16"), "kurier.yaml"))
    assert explain(feed, b"\x00\xd8", RECEIVED_AT).detail == "the value is not utf-16"


def test_a_byte_order_mark_is_left_out() -> None:
    """Of JSON as of XML; what is no JSON behind it is refused all the same."""
    assert decode_payload(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}
    assert decode_xml(b"\xef\xbb\xbf<a>\xc3\xbc</a>") == {"a": "ü"}
    assert decode_xml("<?xml version='1.0' encoding='utf-16'?><a>ü</a>".encode("utf-16")) == {"a": "ü"}
    with pytest.raises(Rejected, match="not JSON"):
        decode_payload(b"\xef\xbb\xbf\xef\xbb\xbf{")


NIL = """\
feed: soap
carrier: soap
format: xml
events: r.e[]
fields: {shipment_ids: n, code: c, text: t, occurred_at: "{d} {z?}", place_name: {join: [o, l]}}
time: {format: ["%Y%m%d %H%M", "%Y%m%d"], zone: UTC}
codes: {A: PICKED_UP}
"""


def test_an_element_with_attributes_alone_is_no_value() -> None:
    """xsi:nil, or a format that describes nothing, is neither text nor a fault."""
    feed = make_feed(parse_mapping(NIL, "soap.yaml"))
    value = (
        b"<r xmlns:i='http://www.w3.org/2001/XMLSchema-instance'><e><n i:type='s'>P1</n><c>A</c>"
        b"<t i:nil='true'/><d f='YYYYMMDD'>20260302</d><z f='HHMM'/><o i:nil='1'/><l x='y'/></e></r>"
    )
    [event] = explain(feed, value, RECEIVED_AT).events
    assert (event.rejected, event.text, event.place) == (None, None, None)
    assert event.occurred_at_utc == "2026-03-02T00:00:00Z"


@pytest.mark.parametrize(
    ("pattern", "written"),
    [
        ("%d %b %Y %H:%M", "2 mars 2026 14:05"),
        ("%a %d. %B %Y, %H:%M Uhr", "Mo. 2. März 2026, 14:05 Uhr"),
        ("%d de %B de %Y %I:%M %p", "02 de marzo de 2026 2:05 p. m."),
        ("%d %b. %Y %H.%M", "2 mrt. 2026 14.05"),
        ("%b %d, %Y %I:%M%p", "Mar 2, 2026 2:05PM"),
    ],
)
def test_months_in_other_languages(pattern: str, written: str) -> None:
    """By the beginnings of their names."""
    assert compile_pattern(pattern)(written) == datetime(2026, 3, 2, 14, 5)


def test_june_and_july_in_french_are_told_apart() -> None:
    """By their fourth letter; without it the month is not guessed."""
    parse = compile_pattern("%d %b %Y")
    assert [parse(f"1 {name} 2026").month for name in ("juin", "juil.", "août", "déc.")] == [6, 7, 8, 12]
    with pytest.raises(ValueError, match="unknown month"):
        parse("1 jui 2026")


@pytest.mark.parametrize("written", ["DE", "deu", "Germany", " Deutschland "])
def test_a_country_in_two_or_three_letters_or_by_name(written: str) -> None:
    """So that its time zone is found."""
    assert country_code(written) == "DE"
