"""Formats other than plain JSON: protobuf, XML, CSV, NDJSON, EPCIS."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from google.transit import gtfs_realtime_pb2 as realtime

from controltower.feeds.rejection import Rejected
from controltower.feeds.xml_payload import decode_xml
from schemas.vocabulary import Milestone, RejectReason
from schemas.wire import Scan, Source
from tests.unit.payloads import FEEDS, samples_of

RECEIVED_AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
M = Milestone


def read(feed: str, value: bytes) -> list[Scan]:
    return FEEDS[feed].read(value, RECEIVED_AT, Source("carrier-events", 0, 0))


def feed_message(*vehicles: dict[str, Any]) -> bytes:
    message = realtime.FeedMessage()
    message.header.gtfs_realtime_version = "2.0"
    message.header.timestamp = 1_772_438_400
    for number, fields in enumerate(vehicles):
        entity = message.entity.add(id=f"e{number}")
        if not fields:
            entity.alert.SetInParent()
            continue
        entity.vehicle.vehicle.id = fields["id"]
        entity.vehicle.trip.trip_id = fields.get("trip", "")
        entity.vehicle.trip.start_date = "20260302"
        entity.vehicle.position.latitude, entity.vehicle.position.longitude = 52.5, 13.4
        entity.vehicle.position.speed = 4.5
        entity.vehicle.timestamp = fields.get("at", 1_772_438_410)
    return bytes(message.SerializeToString())


def test_vehicle_positions_in_protobuf() -> None:
    """An alert and a vehicle on no trip are no scans; a vehicle without a time has the feed's."""
    value = feed_message({"id": "V1", "trip": "T1"}, {}, {"id": "V2"}, {"id": "V3", "trip": "T3", "at": 0})
    first, third = read("gtfs-realtime", value)
    assert (first.vehicle_id, first.route_id) == ("V1", "T1@20260302")
    assert first.place is not None
    assert (first.place.lat, first.place.lon, first.place.speed_mps) == (52.5, 13.4, 4.5)
    assert third.occurred_at == datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
    with pytest.raises(Rejected, match="no GTFS-realtime"):
        read("gtfs-realtime", b"\xff\xff\xff")


def test_plain_csv_and_ndjson_hold_several_scans() -> None:
    """The same fields as plain JSON; a cell may name several shipments."""
    rows = (
        b"event_id,occurred_at,shipment_ids,milestone,lat,lon\r\n"
        b"1,2026-03-02T08:15:12Z,P-1;P-2,DELIVERED,52.5,13.4\r\n"
        b"2,2026-03-02T09:15:12,P-3,OUT_FOR_DELIVERY,52.5,13.4\r\n"
    )
    scans = read("plain-csv", rows)
    assert [scan.shipment_ids[0] for scan in scans] == ["P-1", "P-2", "P-3"]
    assert scans[2].occurred_at_assumed_zone == "Europe/Berlin"
    lines = [{"event_id": n, "occurred_at": "2026-03-02T08:15:12Z", "route_id": "R"} for n in (1, 2)]
    assert len(read("plain-ndjson", "\n\n".join(json.dumps(line) for line in lines).encode())) == 2


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"a,b\n1,2,3\n", RejectReason.WRONG_TYPE),
        (b'a,b\n"1,2\n', RejectReason.NOT_PARSABLE),
        (b"\xff,b\n", RejectReason.NOT_UTF8),
    ],
)
def test_csv_that_is_refused(value: bytes, reason: RejectReason) -> None:
    """By the line, without its values."""
    with pytest.raises(Rejected) as caught:
        read("plain-csv", value)
    assert caught.value.reason is reason


BOMB = b"""<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;&b;">]><a>&c;</a>"""
OUTSIDE = b"""<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><a>&x;</a>"""


@pytest.mark.parametrize("value", [BOMB, OUTSIDE, b"<!DOCTYPE a SYSTEM 'http://x/y.dtd'><a/>"])
def test_entities_and_bombs_are_refused(value: bytes) -> None:
    """No DTD at all is read, so nothing can be expanded or fetched."""
    with pytest.raises(Rejected, match="DTD or with entities"):
        decode_xml(value)


def test_xml_becomes_plain_values() -> None:
    """Namespaces go, attributes are @names, what repeats is a list, spaces are collapsed."""
    value = b"<n:a xmlns:n='u' n:id=' 7 '><b>x\n  y</b><c/><b k='v'>z</b></n:a>"
    assert decode_xml(value) == {"a": {"@id": " 7 ", "b": ["x y", {"@k": "v", "#text": "z"}], "c": ""}}
    with pytest.raises(Rejected) as caught:
        decode_xml(b"<a>" * 100 + b"</a>" * 100)
    assert caught.value.reason is RejectReason.TOO_DEEP


def epcis(**changes: Any) -> dict[str, Any]:
    event = {
        "type": "ObjectEvent",
        "eventID": "urn:uuid:1",
        "eventTime": "2026-03-02T08:15:12.000+01:00",
        "eventTimeZoneOffset": "+01:00",
        "epcList": ["https://id.example.com/00/340123450000000018"],
        "action": "OBSERVE",
        "bizStep": "arriving",
        "disposition": "in_progress",
        "readPoint": {"id": "urn:epc:id:sgln:4012345.00005.0"},
    }
    return {**event, **changes}


def capture(*events: dict[str, Any]) -> bytes:
    body = {"epcisBody": {"eventList": list(events)}}
    return json.dumps({"type": "EPCISDocument", "schemaVersion": "2.0", **body}).encode()


@pytest.mark.parametrize(
    ("event", "ids", "milestone"),
    [
        (epcis(), ["340123450000000018"], M.HUB_ARRIVED),
        (epcis(bizStep="urn:epcglobal:cbv:bizstep:departing"), ["340123450000000018"], M.HUB_DEPARTED),
        (epcis(bizStep="https://ref.gs1.org/cbv/BizStep-receiving"), ["340123450000000018"], M.DELIVERED),
        (
            epcis(bizStep="receiving", disposition="https://ref.gs1.org/cbv/Disp-returned"),
            ["340123450000000018"],
            M.RETURNED,
        ),
        (
            epcis(
                type="AggregationEvent", parentID="PAL-1", childEPCs=["P-1"], epcList=None, bizStep="loading"
            ),
            ["PAL-1", "P-1"],
            M.LOADED,
        ),
        (
            epcis(
                type="AssociationEvent", parentID="VAN-1", childEPCs=["P-1"], epcList=None, bizStep="packing"
            ),
            ["VAN-1", "P-1"],
            None,
        ),
        (
            epcis(type="TransactionEvent", parentID=None, epcList=["P-9"], bizStep="shipping"),
            ["P-9"],
            M.HUB_DEPARTED,
        ),
        (epcis(bizStep="teleporting"), ["340123450000000018"], M.UNMAPPED),
    ],
)
def test_epcis_events(event: dict[str, Any], ids: list[str], milestone: Milestone | None) -> None:
    """In a capture document and alone, with words, URNs and web addresses."""
    for value in (capture(event), json.dumps(event).encode()):
        scans = read("epcis", value)
        assert [scan.shipment_ids[0] for scan in scans] == ids
        assert {scan.milestone for scan in scans} == {milestone}
        assert scans[0].occurred_at == datetime(2026, 3, 2, 7, 15, 12, tzinfo=UTC)


def test_an_epcis_event_that_is_declared_an_error_replaces_the_first() -> None:
    """The same scan under a higher revision, without a milestone."""
    declared = {"declarationTime": "2026-03-02T08:30:00Z", "reason": "incorrect_data"}
    [said] = read("epcis", capture(epcis()))
    [void] = read("epcis", capture(epcis(errorDeclaration=declared)))
    assert (void.scan_id, void.revision, void.milestone) == (said.scan_id, 2, None)
    assert (said.revision, said.milestone) == (1, M.HUB_ARRIVED)


def test_webhooks_of_tracking_services_name_the_carrier() -> None:
    """AfterShip's slug and EasyPost's source are the carrier, not the service that passed it on."""
    [one] = read("aftership", json.dumps(samples_of("aftership")[0]).encode())
    [two] = read("easypost", json.dumps(samples_of("easypost")[0]).encode())
    assert (one.carrier, one.milestone, one.shipment_ids) == ("dhl", M.DELIVERED, ("AS123456789",))
    assert (two.carrier, two.milestone, two.shipment_ids) == ("UPS", M.DELIVERED, ("EZ1000000001",))
