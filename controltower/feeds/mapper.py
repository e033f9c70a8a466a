"""A mapping compiled once to a function from payload to scans."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy as copy_of
from datetime import datetime
from hashlib import sha256

from controltower.feeds.paths import Chain, Getter, as_object, compile_events, compile_paths, show_paths
from controltower.feeds.payload import decode_payload
from controltower.feeds.rejection import Rejected
from controltower.feeds.spec import FieldName, MappingSpec, Meaning
from controltower.feeds.times import compile_time
from controltower.feeds.values import (
    read_identifier,
    read_identifiers,
    read_number,
    read_position,
    read_raw,
    read_revision,
)
from schemas.vocabulary import Milestone, Reason, RejectReason
from schemas.wire import Place, Scan, Source

MPS_PER_UNIT = {"m/s": 1.0, "km/h": 1 / 3.6, "mph": 0.44704, "kn": 1852 / 3600}
#: A payload of 1 MiB holds fewer honest events; more would be one list of shipments named again and again.
MOST_SCANS_PER_RECORD = 5000

_SCAN_ID_CHARACTERS = 24
_SEPARATOR = "\x1f"

#: (payload bytes, received_at, where the record stands) -> scans; raises Rejected and nothing else
PayloadReader = Callable[[bytes | None, datetime, Source], list[Scan]]
EventReader = Callable[[Chain, datetime, Source], Scan]
PlaceReader = Callable[[Chain], Place | None]
CodeReader = Callable[[Chain], tuple[Milestone | None, Reason | None, str | None]]


def compile_mapping(spec: MappingSpec) -> PayloadReader:
    """The reader of one feed's payloads.

    A record is taken as a whole or not at all: one bad event rejects it, so that accepted + rejected =
    received, and whoever repairs a dead letter sends back exactly what was refused. A scan that names
    several shipments becomes one scan for each.
    """
    is_empty = _compile_head(spec)
    walk = compile_events(spec.events)
    read_event = _compile_event(spec)

    def read_payload(value: bytes | None, received_at: datetime, source: Source) -> list[Scan]:
        root: Chain = (as_object(decode_payload(value), "the payload"),)
        scans: list[Scan] = []
        if is_empty(root):
            return scans
        for index, chain in enumerate(walk(root)):
            try:
                where = Source(source.topic, source.partition, source.offset, index) if index else source
                scan = read_event(chain, received_at, where)
            except Rejected as rejected:
                raise (rejected.within(f"event {index}") if spec.events else rejected) from None
            _append_per_shipment(scans, scan)
        return scans

    return read_payload


def _append_per_shipment(scans: list[Scan], scan: Scan) -> None:
    """Each shipment's copy gets an id of its own, the same however the carrier groups its parcels."""
    shipment_ids = scan.shipment_ids
    if len(scans) + len(shipment_ids) > MOST_SCANS_PER_RECORD:
        raise Rejected(RejectReason.OUT_OF_RANGE, f"more than {MOST_SCANS_PER_RECORD} scans in one record")
    if not shipment_ids:
        scans.append(scan)
        return
    for shipment_id in shipment_ids:
        copy = copy_of(scan)
        copy.shipment_ids = (shipment_id,)
        copy.scan_id = _hash(f"{scan.scan_id}{_SEPARATOR}{shipment_id}")
        scans.append(copy)


def _hash(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:_SCAN_ID_CHARACTERS]


def _compile_head(spec: MappingSpec) -> Callable[[Chain], bool]:
    """Checks the version of the payload; True when it says that there is nothing new."""
    version, nothing = spec.schema_, spec.nothing
    find_version = compile_paths(version.field) if version else None
    find_nothing = compile_paths(nothing.field) if nothing else None

    def is_empty(root: Chain) -> bool:
        if version and find_version:
            found = find_version(root)
            if found is None and not version.optional:
                raise Rejected(RejectReason.MISSING_FIELD, f"{show_paths(version.field)} is missing")
            if found is not None and read_raw(found, show_paths(version.field)) not in version.known:
                raise Rejected(RejectReason.UNKNOWN_SCHEMA, f"{show_paths(version.field)} is unknown to us")
        return bool(nothing and find_nothing and find_nothing(root) in nothing.values)

    return is_empty


class _Fields:
    """Getters of the mapped fields, with the names that a rejection's detail shows."""

    def __init__(self, spec: MappingSpec) -> None:
        self._spec = spec

    def get(self, name: FieldName) -> tuple[Getter, str]:
        paths = self._spec.fields.get(name)
        return (lambda chain: None, name) if paths is None else (compile_paths(paths), show_paths(paths))


def _compile_event(spec: MappingSpec) -> EventReader:
    fields = _Fields(spec)
    required = [fields.get(name) for name in spec.required]
    (find_shipments, shipments), (find_route, route) = fields.get("shipment_ids"), fields.get("route_id")
    (find_vehicle, vehicle), (find_stop, stop) = fields.get("vehicle_id"), fields.get("stop_id")
    find_occurred, occurred = fields.get("occurred_at")
    find_recorded, recorded = fields.get("recorded_at")
    (find_revision, revision), (find_text, text) = fields.get("revision"), fields.get("text")
    identify, read_place, read_code = _compile_identity(spec), _compile_place(spec), _compile_code(spec)
    read_time = compile_time(spec.time.format, spec.time.zone)

    def read_event(chain: Chain, received_at: datetime, source: Source) -> Scan:
        for find, shown in required:
            if find(chain) is None:
                raise Rejected(RejectReason.MISSING_FIELD, f"{shown} is missing")
        shipment_ids = read_identifiers(find_shipments(chain), shipments)
        route_id = read_identifier(find_route(chain), route)
        if route_id is None and not shipment_ids:
            raise Rejected(RejectReason.NO_SUBJECT, f"neither {route} nor {shipments} has a value")
        at = read_time(find_occurred(chain), received_at, occurred)
        recorded_at = find_recorded(chain)
        milestone, reason, raw_code = read_code(chain)
        return Scan(
            scan_id=_hash(f"{identify(chain)}{_SEPARATOR}{at.at.isoformat()}"),
            revision=read_revision(find_revision(chain), revision),
            feed=spec.feed,
            carrier=spec.carrier,
            tenant=spec.tenant,
            shipment_ids=shipment_ids,
            route_id=route_id,
            vehicle_id=read_identifier(find_vehicle(chain), vehicle),
            stop_id=read_identifier(find_stop(chain), stop),
            milestone=milestone,
            reason=reason,
            raw_code=raw_code,
            raw_text=read_raw(find_text(chain), text),
            occurred_at=at.at,
            occurred_at_assumed_zone=at.assumed_zone,
            recorded_at=read_time(recorded_at, received_at, recorded).at if recorded_at is not None else None,
            received_at=received_at,
            place=read_place(chain),
            source=source,
        )

    return read_event


def _compile_identity(spec: MappingSpec) -> Callable[[Chain], str]:
    parts = [(compile_paths(paths), show_paths(paths)) for paths in spec.identity]
    shown = ", ".join(shown for _, shown in parts)

    def identify(chain: Chain) -> str:
        found = [read_identifier(find(chain), name) for find, name in parts]
        if not any(found):
            raise Rejected(RejectReason.MISSING_FIELD, f"nothing identifies the event: {shown}")
        return _SEPARATOR.join([spec.feed, *[part or "" for part in found]])

    return identify


def _compile_place(spec: MappingSpec) -> PlaceReader:
    fields = _Fields(spec)
    (find_lat, lat), (find_lon, lon) = fields.get("lat"), fields.get("lon")
    (find_speed, speed), (find_bearing, bearing) = fields.get("speed"), fields.get("bearing_deg")
    (find_accuracy, accuracy) = fields.get("accuracy_m")
    (find_name, name), (find_hub, hub) = fields.get("place_name"), fields.get("hub")
    mps_per_unit = MPS_PER_UNIT[spec.speed_unit]

    def read_place(chain: Chain) -> Place | None:
        position = read_position(find_lat(chain), find_lon(chain), lat, lon)
        place_name, hub_id = read_raw(find_name(chain), name), read_identifier(find_hub(chain), hub)
        if position is None:
            return Place(name=place_name, hub=hub_id) if place_name or hub_id else None
        speed_units = read_number(find_speed(chain), speed)
        return Place(
            position[0],
            position[1],
            read_number(find_accuracy(chain), accuracy),
            None if speed_units is None else speed_units * mps_per_unit,
            read_number(find_bearing(chain), bearing),
            place_name,
            hub_id,
        )

    return read_place


def _compile_code(spec: MappingSpec) -> CodeReader:
    """Milestone, reason and the raw code. A code that is not in the table is UNMAPPED, never guessed."""
    fields = _Fields(spec)
    (find_code, code), (find_reason, reason_field) = fields.get("code"), fields.get("reason_code")
    meanings = _meanings(spec)
    reasons = {reason.value: reason for reason in Reason} if spec.reasons == "vocabulary" else spec.reasons
    unmapped: tuple[Milestone | None, Reason | None] = (Milestone.UNMAPPED, None)

    def read_code(chain: Chain) -> tuple[Milestone | None, Reason | None, str | None]:
        raw_code = read_raw(find_code(chain), code)
        milestone, reason = (None, None) if raw_code is None else meanings.get(raw_code, unmapped)
        raw_reason = read_raw(find_reason(chain), reason_field)
        if raw_reason is not None:
            reason = reasons.get(raw_reason, Reason.UNKNOWN)
        return milestone, reason, raw_code

    return read_code


def _meanings(spec: MappingSpec) -> dict[str, tuple[Milestone | None, Reason | None]]:
    if spec.codes == "vocabulary":
        return {milestone.value: (milestone, None) for milestone in Milestone}
    return {code: _milestone_and_reason(meaning) for code, meaning in spec.codes.items()}


def _milestone_and_reason(meaning: Meaning) -> tuple[Milestone | None, Reason | None]:
    return meaning if isinstance(meaning, tuple) else (meaning, None)
