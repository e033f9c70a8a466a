"""The payloads of eight carriers become what the truth beside each says: time, code and unified status.

Three things in the truth files are faults of the program that wrote them, and are judged by the payload: it
drops seconds, takes 7 PM for 7 AM in DPD's times, and one file belongs to another payload.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from controltower.feeds.explain import EventShown, PayloadShown, explain
from tests.unit.payloads import FEEDS

CARRIERS = Path(__file__).parents[3] / "shared" / "data" / "carriers"
OF_ANOTHER_PAYLOAD = "landmark/DELIVERED_TRACKING_RESPONSE_XML"
PAYLOADS = [
    "australiapost/TrackingResponse.json",
    "canadapost/TrackingResponseXml.xml",
    "dhl_express/IntransitTrackingResponseXML.xml",
    "dhl_express/TrackingResponseXML.xml",
    "dpd/TrackingResponse.xml",
    "fedex/TrackingResponse.json",
    "landmark/DELIVERED_TRACKING_RESPONSE_XML.xml",
    "landmark/DELIVERY_FAILED_TRACKING_RESPONSE_XML.xml",
    "landmark/IN_TRANSIT_TRACKING_RESPONSE_XML.xml",
    "landmark/OUT_FOR_DELIVERY_TRACKING_RESPONSE_XML.xml",
    "ups/TrackingResponseJSON.json",
    "usps/TrackingResponse.json",
]


def shown(name: str) -> tuple[PayloadShown, list[dict[str, Any]]]:
    path = CARRIERS / name
    if not path.exists():
        pytest.skip("the recorded payloads of carriers are not here")
    truth = json.loads(path.with_name(f"{path.stem}.truth.json").read_text())
    key = truth[0]["tracking_number"].encode()
    return explain(FEEDS[path.parent.name], path.read_bytes(), datetime.now(UTC), key), truth


def is_meant(event: EventShown, told: dict[str, Any], feed: str) -> bool:
    """Same minute on the wall, same code, and the same status where the truth has one."""
    assert event.occurred_at is not None
    minute, wanted = event.occurred_at[:16], told["timestamp"][:16]
    if feed == "dpd" and minute[11:13] >= "12":
        minute = f"{minute[:11]}{int(minute[11:13]) - 12 or 12:02d}{minute[13:]}"
    return (minute, event.code) == (wanted, told["code"]) and told["status"] in (None, event.status)


@pytest.mark.parametrize("name", PAYLOADS)
def test_every_event_of_the_truth_is_found(name: str) -> None:
    """And nothing in these payloads is unmapped or rejected."""
    payload, truth = shown(name)
    assert payload.verdict == "accepted"
    assert not [event for event in payload.events if event.unmapped or event.rejected]
    if name.startswith(OF_ANOTHER_PAYLOAD):
        assert [event.code for event in payload.events] == ["50", "125", "275", "300", "500"]
        return
    for shipment in truth:
        events = [e for e in payload.events if e.tracking_number == shipment["tracking_number"]]
        missed = [
            t for t in shipment["events"] if not any(is_meant(e, t, name.split("/")[0]) for e in events)
        ]
        assert missed == []


def test_a_number_that_is_not_found_is_no_scan() -> None:
    """FedEx answers for two numbers, of which it knows one."""
    payload, _ = shown("fedex/TrackingResponse.json")
    assert payload.nothing == [{"name": "NOT_FOUND", "tracking_number": "39936862321"}]
    assert {event.tracking_number for event in payload.events} == {"123456789012"}


NOTHINGS = [
    ("ups", b'{"response": {"errors": [{"code": "TV1002"}]}}', "CARRIER_ERROR"),
    (
        "ups",
        b'{"trackResponse": {"shipment": [{"inquiryNumber": "1Z", "warnings": [{"code": "TW0001"}]}]}}',
        "NOT_FOUND",
    ),
    ("usps", b'{"error": {"code": "400", "message": "none"}}', "NOT_FOUND"),
    ("usps", b'{"trackingNumber": "9400", "statusCategory": "Pre-Shipment"}', "NO_EVENTS"),
    (
        "australiapost",
        b'{"tracking_results": [{"tracking_id": "7XX", "errors": [{"code": "ESB-10001"}]}]}',
        "NOT_FOUND",
    ),
    ("fedex", b'{"errors": [{"code": "NOT.AUTHORIZED.ERROR"}]}', "CARRIER_ERROR"),
    ("canadapost", b"<messages><message><code>004</code></message></messages>", "NOT_FOUND"),
    (
        "canadapost",
        b"<tracking-detail><pin>1</pin><significant-events></significant-events></tracking-detail>",
        "NO_EVENTS",
    ),
    (
        "dhl_express",
        b"<a:TrackingResponse xmlns:a='u'><AWBInfo><AWBNumber>1</AWBNumber><Status>"
        b"<ActionStatus>No Shipments Found</ActionStatus></Status></AWBInfo></a:TrackingResponse>",
        "NOT_FOUND",
    ),
    (
        "dpd",
        b"<s:Envelope xmlns:s='u'><s:Body><s:Fault><faultcode>x</faultcode></s:Fault></s:Body></s:Envelope>",
        "CARRIER_ERROR",
    ),
    (
        "landmark",
        b"<TrackResponse><Errors><Error><ErrorCode>Login</ErrorCode></Error></Errors></TrackResponse>",
        "CARRIER_ERROR",
    ),
]


@pytest.mark.parametrize(("feed", "value", "name"), NOTHINGS)
def test_a_carrier_that_has_nothing_is_named_so(feed: str, value: bytes, name: str) -> None:
    """It is accepted, and becomes no scan."""
    payload = explain(FEEDS[feed], value, datetime.now(UTC), b"K")
    assert (payload.verdict, [nothing["name"] for nothing in payload.nothing]) == ("nothing", [name])
