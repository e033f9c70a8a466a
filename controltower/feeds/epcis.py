"""GS1 EPCIS 2.0 (JSON-LD) to a flat list of events: capture documents, query results and single events.

Each event gets what the mapping needs in one place, whatever its kind: `ids` (the objects it is about),
`step` and `disposition` without their vocabulary's address, `kind` and the event itself.
"""

from __future__ import annotations

from typing import Any

from controltower.feeds.paths import as_object
from controltower.feeds.payload import decode_payload
from controltower.feeds.rejection import Rejected
from schemas.vocabulary import RejectReason

_KINDS = ("ObjectEvent", "AggregationEvent", "AssociationEvent", "TransactionEvent", "TransformationEvent")


def decode_epcis(value: bytes | None) -> dict[str, Any]:
    """`{"events": [...]}`; raises Rejected."""
    document = decode_payload(value)
    events = document if type(document) is list else _events_of(as_object(document, "the document"))
    return {"events": [_flatten(as_object(event, "an event")) for event in events]}


def _events_of(document: dict[str, Any]) -> list[Any]:
    if document.get("type") in _KINDS:
        return [document]
    body = document.get("epcisBody")
    if type(body) is not dict:
        raise Rejected(RejectReason.MISSING_FIELD, "epcisBody is missing, and the record is no event")
    results = body.get("queryResults")
    if type(results) is dict and type(results.get("resultsBody")) is dict:
        body = results["resultsBody"]
    events = body.get("eventList", body.get("event"))
    if events is None:
        raise Rejected(RejectReason.MISSING_FIELD, "epcisBody.eventList is missing")
    return events if type(events) is list else [events]


def _flatten(event: dict[str, Any]) -> dict[str, Any]:
    declared = event.get("errorDeclaration")
    return {
        "event": event,
        "kind": _bare(event.get("type")),
        "ids": _ids(event),
        "step": "error_declaration" if type(declared) is dict else _bare(event.get("bizStep")),
        "disposition": _bare(event.get("disposition")),
        "revision": 2 if type(declared) is dict else 1,
        "declared_at": declared.get("declarationTime") if type(declared) is dict else None,
        "place": _id_of(event.get("bizLocation")) or _id_of(event.get("readPoint")),
        "coordinates": _coordinates(_id_of(event.get("readPoint")) or _id_of(event.get("bizLocation"))),
    }


def _ids(event: dict[str, Any]) -> list[str]:
    """What an event is about: its objects, and the container that it puts them into or takes them from."""
    named = [event.get("parentID")]
    for field in ("epcList", "childEPCs", "outputEPCList"):
        members = event.get(field)
        named += members if type(members) is list else []
    if not any(named):
        quantities = event.get("quantityList", event.get("childQuantityList"))
        named += [
            item.get("epcClass")
            for item in (quantities if type(quantities) is list else [])
            if type(item) is dict
        ]
    return [_shorten(name) for name in named if type(name) is str and name]


def _shorten(identifier: str) -> str:
    """An SSCC or a parcel number by itself, whether written as a URN or as a GS1 Digital Link."""
    for mark in ("/00/", "/401/", "/402/"):
        before, found, after = identifier.partition(mark)
        if found and "://" in before:
            return after.split("/")[0].split("?")[0]
    return identifier


def _bare(value: Any) -> str | None:
    """`urn:epcglobal:cbv:bizstep:arriving`, `https://ref.gs1.org/cbv/BizStep-arriving`, `arriving`."""
    if type(value) is not str:
        return None
    return value.replace("BizStep-", "").replace("Disp-", "").rpartition("/")[2].rpartition(":")[2] or None


def _id_of(place: Any) -> str | None:
    found = place.get("id") if type(place) is dict else None
    return found if type(found) is str else None


def _coordinates(place: str | None) -> dict[str, float] | None:
    """A `geo:52.5,13.4` as a place."""
    if place is None or not place.startswith("geo:"):
        return None
    try:
        lat, lon = (float(part) for part in place[4:].split(";")[0].split(",")[:2])
    except ValueError:
        return None
    return {"lat": lat, "lon": lon}
