"""A user's own mapping adds or replaces a feed, and a wrong one is told by file, line and key."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from controltower.feeds.registry import MappingError, load_feeds
from schemas.vocabulary import Milestone
from schemas.wire import Source

GOOD = """\
feed: acme
carrier: acme
tenant: default
events: results[].parcels[].scans[]
nothing: {field: results, values: [null]}
identity: [^.number, code]
fields:
  shipment_ids: ^.number
  code: code
  occurred_at: [when, at]
time: {format: epoch_ms}
codes:
  08: DELIVERED
  NO: HELD
"""


def load(directory: Path, text: str) -> str:
    (directory / "acme.yaml").write_text(text)
    with pytest.raises(MappingError) as caught:
        load_feeds(directory)
    return str(caught.value).replace(str(directory), "")


def test_a_mapping_of_ones_own_reads_nested_lists(tmp_path: Path) -> None:
    """Events two lists deep, the parcel number from what encloses them, codes that YAML takes for others."""
    (tmp_path / "acme.yaml").write_text(GOOD)
    feed = load_feeds(tmp_path)["acme"]
    payload = (
        b'{"results": [{"parcels": [{"number": "P-1", "scans": ['
        b'{"code": "08", "at": 1772439310000}, {"code": "NO", "when": 1772439000000}]}]}]}'
    )
    source, received_at = Source("carrier-events", 0, 0), datetime(2026, 3, 2, 9, tzinfo=UTC)
    scans = feed.read(payload, received_at, source)
    assert [(scan.shipment_ids, scan.milestone) for scan in scans] == [
        (("P-1",), Milestone.DELIVERED),
        (("P-1",), Milestone.HELD),
    ]
    assert feed.read(b'{"error": "not found"}', received_at, source) == []


def test_words_of_a_mapping_stay_words(tmp_path: Path) -> None:
    """A field that is called `no`, a value 01 and a value `yes`; only true and false are truth values."""
    text = GOOD.replace("[when, at]", "[when, no]") + "skip: {field: on, values: [01, yes, true, null]}\n"
    (tmp_path / "acme.yaml").write_text(text)
    spec = load_feeds(tmp_path)["acme"].spec
    assert spec.fields["occurred_at"] == ["when", "no"]
    assert spec.skip[0].values == ("01", "yes", True, None)


def test_a_mapping_of_ones_own_replaces_a_shipped_one(tmp_path: Path) -> None:
    """The feed is known by its name, not by its file."""
    (tmp_path / "mine.yaml").write_text(
        GOOD.replace("feed: acme", "feed: plain").replace("carrier: acme", "carrier: me")
    )
    assert load_feeds(tmp_path)["plain"].carrier == "me"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("DELIVERED", "DELIVRD", "/acme.yaml:13: codes.08: Input should be 'INFO_RECEIVED'"),
        ("when, at", "when, a b", "/acme.yaml:10: fields.occurred_at: 'a b' is no path"),
        ("  code: code\n", "  kode: code\n", "/acme.yaml:9: fields.kode: Input should be 'revision'"),
        ("  occurred_at: [when, at]\n", "", "/acme.yaml:7: fields: occurred_at is missing"),
        (
            "  shipment_ids: ^.number\n",
            "",
            "/acme.yaml:7: fields: neither route_id nor shipment_ids is mapped",
        ),
        ("epoch_ms", "'%d.%m'", "/acme.yaml:11: time.format: '%d.%m' is none of iso, epoch_s, epoch_ms"),
        ("epoch_ms", "iso, zone: Mars/Base", "/acme.yaml:11: time.zone: 'Mars/Base' is no time zone"),
        ("scans[]", "scans", "/acme.yaml:4: events: 'results[].parcels[].scans' is no path to a list"),
        ("  NO: HELD", "  08: HELD", "/acme.yaml:14: codes.08: stands here twice"),
        ("carrier: acme\n", "", "/acme.yaml:1: mapping: Field required (carrier)"),
        ("carrier: acme", "carrier: [", "/acme.yaml:4: expected"),
        (GOOD, "", "/acme.yaml:1: mapping: Input should be"),
    ],
)
def test_a_wrong_mapping_is_told_in_one_line(tmp_path: Path, old: str, new: str, message: str) -> None:
    """File, line and key first, then what is wrong."""
    told = load(tmp_path, GOOD.replace(old, new))
    assert told.startswith(message)
    assert "\n" not in told


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    """A mistyped setting is no empty folder."""
    with pytest.raises(MappingError, match="does not exist"):
        load_feeds(tmp_path / "nowhere")


def test_two_files_cannot_be_the_same_feed(tmp_path: Path) -> None:
    """Which one counted would depend on their names."""
    (tmp_path / "other.yaml").write_text(GOOD)
    assert "already in acme.yaml" in load(tmp_path, GOOD)
