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


CANADAPOST = (
    "<tracking-detail xmlns='http://www.canadapost.ca/ws/track-v2'><pin>123</pin><significant-events>"
    "<occurrence>"
    "<event-identifier>0174</event-identifier><event-date>2024-02-03</event-date><event-time>08:27</event-time>"
    "<event-time-zone/><event-description>Item out for delivery</event-description>"
    "<event-province>BC</event-province>"
    "</occurrence></significant-events></tracking-detail>"
)
DHL_EXPRESS = (
    "<r:TrackingResponse xmlns:r='http://www.dhl.com'><AWBInfo><AWBNumber>1</AWBNumber><Status>"
    "<ActionStatus>success</ActionStatus></Status><ShipmentInfo><ShipmentEvent><Date>2024-05-05</Date><Time>09:42</Time><ServiceEvent>"
    "<EventCode>CC</EventCode></ServiceEvent><ServiceArea><ServiceAreaCode>YVR</ServiceAreaCode>"
    "<Description>VANCOUVER,BC-CAN</Description></ServiceArea></ShipmentEvent></ShipmentInfo></AWBInfo>"
    "</r:TrackingResponse>"
)
UPS_ACTIVITIES = [
    {
        "date": "20240110",
        "time": "091500",
        "gmtDate": "20240110",
        "gmtTime": "14:15:00",
        "gmtOffset": "-05:00",
        "status": {"type": "D", "code": "FS", "description": "DELIVERED "},
    },
    {"date": "20240109", "time": "0915", "location": {}, "status": {"type": "I", "code": "ZZ"}},
]
UPS = {"trackResponse": {"shipment": [{"package": [{"trackingNumber": "1Z9", "activity": UPS_ACTIVITIES}]}]}}
FEDEX_EVENT = {"date": "2024-03-01T08:00:00", "eventType": "DE", "exceptionCode": "08", "scanLocation": {}}
FEDEX = {
    "output": {
        "completeTrackResults": [{"trackingNumber": "7", "trackResults": [{"scanEvents": [FEDEX_EVENT]}]}]
    }
}

#: feed, payload, (local time with offset, milestone, status, reason) of each event.
OTHER_SHIPMENTS: list[tuple[str, Any, list[tuple[Any, ...]]]] = [
    (
        "ups",
        UPS,
        [
            ("2024-01-10T09:15:00-05:00", "DELIVERED", "delivered", None),
            ("2024-01-09T09:15:00-05:00", "UNMAPPED", "unknown", None),
        ],
    ),
    (
        "fedex",
        FEDEX,
        [("2024-03-01T08:00:00-06:00", "ATTEMPT_FAILED", "delivery_failed", "CONSIGNEE_ABSENT")],
    ),
    ("canadapost", CANADAPOST, [("2024-02-03T08:27:00-08:00", "OUT_FOR_DELIVERY", "out_for_delivery", None)]),
    ("dhl_express", DHL_EXPRESS, [("2024-05-05T09:42:00-07:00", "AVAILABLE_FOR_PICKUP", "in_transit", None)]),
]


@pytest.mark.parametrize(("feed", "payload", "told"), OTHER_SHIPMENTS)
def test_other_shipments_of_the_same_carriers(feed: str, payload: Any, told: list[tuple[Any, ...]]) -> None:
    """Times without seconds, an offset of their own, no place, codes of the carrier's list and none of it."""
    value = payload.encode() if isinstance(payload, str) else json.dumps(payload).encode()
    events = explain(FEEDS[feed], value, datetime.now(UTC), b"K").events
    assert [(e.occurred_at, e.milestone, e.status, e.reason) for e in events] == told
