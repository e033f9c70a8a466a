"""Further carriers, added by a YAML file alone: payloads in the shape that their documentation shows."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from controltower.feeds.explain import explain
from tests.unit.payloads import FEEDS

RECEIVED_AT = datetime(2026, 3, 3, tzinfo=UTC)
SOAP = (
    "<s:Envelope xmlns:s='u' xmlns:i='http://www.w3.org/2001/XMLSchema-instance'>"
    "<s:Body>{}</s:Body></s:Envelope>"
)

MYDHL = {
    "shipments": [
        {
            "shipmentTrackingNumber": "1234567890",
            "events": [
                {
                    "date": "2026-03-02",
                    "time": "13:06:00",
                    "GMTOffset": "+09:00",
                    "typeCode": "WC",
                    "description": "Shipment is out with courier for delivery",
                    "serviceArea": [{"code": "TYO", "description": "Tokyo-JP"}],
                },
                {
                    "date": "2026-03-01",
                    "time": "18:00:00",
                    "typeCode": "PU",
                    "serviceArea": [{"code": "BER", "description": "Berlin-DE"}],
                },
            ],
        }
    ]
}
DHL = {
    "shipments": [
        {
            "id": "00340434161094022115",
            "events": [
                {
                    "timestamp": "2026-03-02T14:05:00",
                    "location": {"address": {"addressLocality": "Köln", "countryCode": "DE"}},
                    "statusCode": "delivered",
                    "description": "The shipment has been successfully delivered",
                },
                {
                    "timestamp": "2026-03-02T09:05:00+01:00",
                    "statusCode": "transit",
                    "description": "The shipment has been loaded onto the delivery vehicle",
                },
                {"timestamp": "2026-03-01T09:05:00Z", "statusCode": "unknown", "description": "Something"},
            ],
        }
    ]
}
TNT = """<TrackResponse><Consignment access="public"><ConsignmentNumber>T1</ConsignmentNumber>
<DestinationCountry><CountryCode>GB</CountryCode></DestinationCountry><StatusData><StatusCode>OD</StatusCode>
<StatusDescription><![CDATA[Out For Delivery.]]></StatusDescription>
<LocalEventDate format="YYYYMMDD">20260302</LocalEventDate><LocalEventTime format="HHMM">0747</LocalEventTime>
<Depot>BA4</Depot><DepotName><![CDATA[Bradford]]></DepotName></StatusData></Consignment>
<Consignment><ConsignmentNumber>T2</ConsignmentNumber><SummaryCode>CNF</SummaryCode></Consignment></TrackResponse>"""
LAPOSTE = [
    {
        "returnCode": 200,
        "shipment": {
            "idShip": "EW000000001FR",
            "event": [{"code": "DO3", "label": "Retenu en douane", "date": "2026-03-02T09:38:00+01:00"}],
        },
    },
    {"returnCode": 404, "idShip": "EW000000002FR"},
]
PUROLATOR = SOAP.format(
    "<TrackPackagesByPinResponse><ResponseInformation><Errors/></ResponseInformation><TrackingInformationList>"
    "<TrackingInformation><PIN><Value>M1</Value></PIN><Scans><Scan><ScanType>Undeliverable</ScanType>"
    "<Depot><Name>CALGARY, AB</Name></Depot><ScanDate>2026-03-02</ScanDate><ScanTime>101500</ScanTime>"
    "<Description>Delivery delayed due to weather event</Description><Comment/></Scan></Scans>"
    "<ResponseInformation i:nil='true'/></TrackingInformation></TrackingInformationList>"
    "</TrackPackagesByPinResponse>"
)
CANPAR = SOAP.format(
    "<n:trackByBarcodeResponse xmlns:n='n'><n:return><error i:nil='true'/><result><barcode>D1</barcode>"
    "<events>"
    "<address><city>SUDBURY</city><province>ON</province><country>CA</country></address><code>INO</code>"
    "<code_description_en>INTERLINE OUTBOUND</code_description_en><comment i:nil='true'/>"
    "<local_date_time>20260302 091442</local_date_time></events></result></n:return>"
    "</n:trackByBarcodeResponse>"
)
ROYALMAIL = {
    "mailPieces": {
        "mailPieceId": "RM1",
        "summary": {"lastEventCode": "EVKNA", "lastEventDateTime": "2026-03-02T10:04:00Z"},
        "events": [
            {
                "eventCode": "EVKNA",
                "eventName": "Delivery Attempted - No Answer",
                "eventDateTime": "2026-03-02T10:04:00Z",
                "locationName": "Stafford DO",
            }
        ],
    }
}
ROYALMAIL_SUMMARIES = {
    "mailPieces": [
        {"mailPieceId": "RM1", "error": {"errorCode": "E1142"}},
        {
            "mailPieceId": "RM2",
            "summary": {
                "lastEventCode": "EVXXX",
                "lastEventName": "Item Despatched",
                "lastEventDateTime": "2026-03-02T10:04:00Z",
            },
        },
    ]
}
GLS = {
    "parcels": [
        {
            "requested": "604831862623",
            "events": [
                {
                    "code": "INTIAL.NORMAL",
                    "country": "DE",
                    "description": "The parcel was handed over to GLS.",
                    "eventDateTime": "2026-03-02T10:46:14+0100",
                }
            ],
        },
        {"requested": "604831862624", "errorCode": "E_404_01"},
    ]
}
AMAZON = {
    "payload": {
        "trackingId": "A1",
        "eventHistory": [
            {
                "eventCode": "Rejected",
                "eventTime": "2026-03-02T18:00:00Z",
                "location": {"city": "York", "countryCode": "GB"},
            }
        ],
    }
}

#: feed, payload, (number, UTC, code, milestone, reason) of each event, what there is nothing of.
CASES: list[tuple[str, Any, list[tuple[Any, ...]], list[str]]] = [
    (
        "mydhl",
        MYDHL,
        [
            ("1234567890", "2026-03-02T04:06:00Z", "WC", "OUT_FOR_DELIVERY", None),
            ("1234567890", "2026-03-01T17:00:00Z", "PU", "PICKED_UP", None),
        ],
        [],
    ),
    ("mydhl", {"title": "No data found", "status": "404"}, [], ["NOT_FOUND"]),
    (
        "dhl_universal",
        DHL,
        [
            ("00340434161094022115", "2026-03-02T13:05:00Z", "delivered", "DELIVERED", None),
            ("00340434161094022115", "2026-03-02T08:05:00Z", "transit", "OUT_FOR_DELIVERY", None),
            ("00340434161094022115", "2026-03-01T09:05:00Z", "unknown", "UNMAPPED", None),
        ],
        [],
    ),
    ("dhl_universal", {"title": "No result found", "status": 404}, [], ["NOT_FOUND"]),
    ("tnt", TNT, [("T1", "2026-03-02T07:47:00Z", "OD", "OUT_FOR_DELIVERY", None)], ["NOT_FOUND"]),
    (
        "laposte",
        LAPOSTE,
        [("EW000000001FR", "2026-03-02T08:38:00Z", "DO3", "HELD", "CUSTOMS_DELAY")],
        ["NOT_FOUND"],
    ),
    ("purolator", PUROLATOR, [("M1", "2026-03-02T17:15:00Z", "Undeliverable", "HELD", "ENV_WEATHER")], []),
    ("canpar", CANPAR, [("D1", "2026-03-02T14:14:42Z", "INO", "HUB_DEPARTED", None)], []),
    (
        "royalmail",
        ROYALMAIL,
        [("RM1", "2026-03-02T10:04:00Z", "EVKNA", "ATTEMPT_FAILED", "CONSIGNEE_ABSENT")],
        [],
    ),
    (
        "royalmail",
        ROYALMAIL_SUMMARIES,
        [("RM2", "2026-03-02T10:04:00Z", "EVXXX", "HUB_DEPARTED", None)],
        ["NOT_FOUND"],
    ),
    (
        "gls",
        GLS,
        [("604831862623", "2026-03-02T09:46:14Z", "INTIAL.NORMAL", "PICKED_UP", None)],
        ["NOT_FOUND"],
    ),
    (
        "amazon_shipping",
        AMAZON,
        [("A1", "2026-03-02T18:00:00Z", "Rejected", "ATTEMPT_FAILED", "CONSIGNEE_REFUSED")],
        [],
    ),
]


@pytest.mark.parametrize(("feed", "payload", "told", "nothing"), CASES)
def test_a_payload_of_the_documentation(
    feed: str, payload: Any, told: list[tuple[Any, ...]], nothing: list[str]
) -> None:
    """Number, time, code, milestone and reason of every event, and what was not found."""
    value = payload.encode() if isinstance(payload, str) else json.dumps(payload).encode()
    shown = explain(FEEDS[feed], value, RECEIVED_AT, b"K")
    assert not [event.detail for event in shown.events if event.rejected]
    assert shown.verdict == ("accepted" if told else "nothing")
    found = [(e.tracking_number, e.occurred_at_utc, e.code, e.milestone, e.reason) for e in shown.events]
    assert found == told
    assert [entry["name"] for entry in shown.nothing] == nothing
