"""A mapping compiled once to a function from payload to scans."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy as copy_of
from datetime import datetime
from typing import Any, Final, NamedTuple

from controltower.feeds.conditions import compile_any, compile_nothings
from controltower.feeds.events import Walk, compile_events
from controltower.feeds.field_readers import FieldReaders
from controltower.feeds.fields import compile_field
from controltower.feeds.formats import Decode, find_decode
from controltower.feeds.identity import compile_identity, hash_event, hash_for_shipment
from controltower.feeds.meanings import CodeReader, compile_code, compile_knowledge
from controltower.feeds.nested import decode_nested
from controltower.feeds.paths import Chain, as_object, compile_paths, show_paths
from controltower.feeds.private import compile_redaction
from controltower.feeds.rejection import Rejected
from controltower.feeds.spec import FieldName, MappingSpec
from controltower.feeds.times import TimeReader, compile_time
from controltower.feeds.values import (
    read_identifier,
    read_identifiers,
    read_position,
    read_raw,
    read_revision,
)
from controltower.feeds.zones import compile_zones
from schemas.vocabulary import Nothing, RejectReason
from schemas.wire import Place, Scan, Source

MPS_PER_UNIT = {"m/s": 1.0, "km/h": 1 / 3.6, "mph": 0.44704, "kn": 1852 / 3600}
#: A payload of 1 MiB holds fewer honest events; more would be one list of shipments named again and again.
MOST_SCANS_PER_RECORD = 5000
#: A later version of the mapping replaces what an earlier one made of the same event, whatever the carrier
#: calls its revision (below 2**31).
REVISIONS_PER_VERSION = 1 << 31

#: The path of the record's key: `$.@key`.
KEY_FIELD = "@key"
#: Required fields that the scan needs in any case.
_READ_ONCE: Final[tuple[FieldName, ...]] = ("occurred_at", "lat", "lon")


class Reading(NamedTuple):
    """What a payload became; `nothings` is what it says to have none of, and for which shipment."""

    scans: list[Scan]
    nothings: list[tuple[Nothing, str | None]]


#: (payload bytes, received_at, where the record stands, its key) -> scans; raises Rejected and nothing else
PayloadReader = Callable[[bytes | None, datetime, Source, bytes | None], Reading]
EventReader = Callable[[Chain, datetime, Source], Scan]
#: (event, its latitude and longitude as the payload has them)
PlaceReader = Callable[[Chain, Any, Any], Place | None]


class Mapping(NamedTuple):
    """The parts of a compiled mapping; `find_nothings` also checks the version of the payload."""

    decode: Decode
    find_nothings: Callable[[Chain], tuple[bool, list[tuple[Nothing, str | None]]]]
    walk: Walk
    is_skipped: Callable[[Chain], bool] | None
    read_event: EventReader
    read_time: TimeReader
    read_code: CodeReader
    needs_key: bool
    knows: Callable[[str], bool]
    is_single: bool


def compile_mapping(spec: MappingSpec, version: int = 0) -> Mapping:
    """The parts of one feed's reader. Raises ValueError for what the mapping has wrong."""
    find_lat, find_lon = (compile_field(spec.fields.get(name, "=")) for name in ("lat", "lon"))
    read_time = compile_time(
        spec.time.format, compile_zones(spec.time.zone or ("place",), find_lat, find_lon)
    )
    read_code = compile_code(spec)
    return Mapping(
        decode_nested(find_decode(spec.format, spec.csv, spec.encoding), spec.nested),
        _compile_head(spec),
        compile_events(spec.event_paths),
        compile_any(spec.skip),
        _compile_event(spec, version, read_time, read_code),
        read_time,
        read_code,
        KEY_FIELD in spec.model_dump_json(),
        compile_knowledge(spec),
        spec.event_paths is None,
    )


def compile_reader(mapping: Mapping) -> PayloadReader:
    """The reader of one feed's payloads.

    A record is taken as a whole or not at all: one bad event rejects it, so that accepted + rejected =
    received, and whoever repairs a dead letter sends back exactly what was refused. A scan that names
    several shipments becomes one scan for each.
    """
    decode, find_nothings, walk, is_skipped, read_event, _, _, needs_key, *_ = mapping
    if mapping.is_single:
        return _compile_single(mapping)

    def read_payload(
        value: bytes | None, received_at: datetime, source: Source, key: bytes | None = None
    ) -> Reading:
        root: Chain = (with_key(decode(value), key) if needs_key else decode(value),)
        scans: list[Scan] = []
        is_empty, nothings = find_nothings(root)
        if is_empty:
            return Reading(scans, nothings)
        for index, chain in enumerate(walk(root)):
            try:
                if is_skipped is not None and is_skipped(chain):
                    continue
                where = Source(source.topic, source.partition, source.offset, index) if index else source
                scan = read_event(chain, received_at, where)
            except Rejected as rejected:
                raise (rejected if len(chain) == 1 else rejected.within(f"event {index}")) from None
            append_per_shipment(scans, scan)
        return Reading(scans, nothings)

    return read_payload


def _compile_single(mapping: Mapping) -> PayloadReader:
    """The same where the payload is the one event, as it is with most positions."""
    decode, find_nothings, _, is_skipped, read_event, _, _, needs_key, *_ = mapping

    def read_payload(
        value: bytes | None, received_at: datetime, source: Source, key: bytes | None = None
    ) -> Reading:
        root: Chain = (with_key(decode(value), key) if needs_key else decode(value),)
        scans: list[Scan] = []
        is_empty, nothings = find_nothings(root)
        if is_empty:
            return Reading(scans, nothings)
        as_object(root[0], "the payload")
        if is_skipped is None or not is_skipped(root):
            append_per_shipment(scans, read_event(root, received_at, source))
        return Reading(scans, nothings)

    return read_payload


def with_key(payload: Any, key: bytes | None) -> Any:
    """The payload with the record's key in it, for carriers that do not repeat what they were asked for."""
    if type(payload) is dict and key:
        return {**payload, KEY_FIELD: key.decode("utf-8", errors="replace")}
    return payload


def append_per_shipment(scans: list[Scan], scan: Scan) -> None:
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
        copy.scan_id = hash_for_shipment(scan.scan_id, shipment_id)
        scans.append(copy)


def _compile_head(
    spec: MappingSpec,
) -> Callable[[Chain], tuple[bool, list[tuple[Nothing, str | None]]]]:
    """Checks the version of the payload; tells what it has nothing of."""
    version = spec.schema_
    find_nothings = compile_nothings(spec.nothing)
    if version is None:
        return find_nothings
    find_version, shown = compile_paths(version.field), show_paths(version.field)

    def find(root: Chain) -> tuple[bool, list[tuple[Nothing, str | None]]]:
        found = find_version(root)
        if found is None and not version.optional:
            raise Rejected(RejectReason.MISSING_FIELD, f"{shown} is missing")
        if found is not None and read_raw(found, shown) not in version.known:
            raise Rejected(RejectReason.UNKNOWN_SCHEMA, f"{shown} is unknown to us")
        return find_nothings(root)

    return find


def _compile_event(
    spec: MappingSpec, version: int, read_time: TimeReader, read_code: CodeReader
) -> EventReader:
    fields = FieldReaders(spec)
    (find_lat, _), (find_lon, _) = fields.number("lat"), fields.number("lon")
    needs_time, needs_lat, needs_lon = (name in spec.required for name in _READ_ONCE)
    others = [fields.get(name)[0] for name in spec.required if name not in _READ_ONCE]
    nobody: tuple[str, ...] = ()
    read_shipments = fields.reader("shipment_ids", read_identifiers, nobody)
    read_route, read_vehicle, read_stop = (
        fields.identifier_reader(name) for name in ("route_id", "vehicle_id", "stop_id")
    )
    (_, shipments), (_, route) = fields.get("shipment_ids"), fields.get("route_id")
    (find_occurred, occurred), (find_recorded, recorded) = (
        fields.get("occurred_at"),
        fields.get("recorded_at"),
    )
    read_later = fields.reader("revision", read_revision, 1, fields.integer("revision")[0])
    read_text, redact = fields.reader("text", read_raw, None), compile_redaction(spec.personal)
    identify, read_place, find_carrier = compile_identity(spec), _compile_place(spec), _carrier(spec)
    refuse_missing = _compile_refusal(spec)
    first_revision = version * REVISIONS_PER_VERSION
    feed, carrier, tenant = spec.feed, spec.carrier, spec.tenant

    def read_event(chain: Chain, received_at: datetime, source: Source) -> Scan:
        occurred_at, lat, lon = find_occurred(chain), find_lat(chain), find_lon(chain)
        if (occurred_at is None and needs_time) or (lat is None and needs_lat) or (lon is None and needs_lon):
            refuse_missing(chain)
        for find in others:
            if find(chain) is None:
                refuse_missing(chain)
        shipment_ids = read_shipments(chain)
        route_id = read_route(chain)
        if route_id is None and not shipment_ids:
            raise Rejected(RejectReason.NO_SUBJECT, f"neither {route} nor {shipments} has a value")
        at = read_time(occurred_at, chain, received_at, occurred)
        recorded_at, raw_text = find_recorded(chain), read_text(chain)
        milestone, reason, raw_code = read_code(chain)
        return Scan(
            scan_id=hash_event(identify(chain), at.at),
            revision=first_revision + read_later(chain),
            feed=feed,
            carrier=carrier if find_carrier is None else find_carrier(chain),
            tenant=tenant,
            shipment_ids=shipment_ids,
            route_id=route_id,
            vehicle_id=read_vehicle(chain),
            stop_id=read_stop(chain),
            milestone=milestone,
            reason=reason,
            raw_code=raw_code,
            raw_text=None if raw_text is None else redact(raw_text, chain),
            occurred_at=at.at,
            occurred_at_assumed_zone=at.assumed_zone,
            recorded_at=None
            if recorded_at is None
            else read_time(recorded_at, chain, received_at, recorded).at,
            received_at=received_at,
            place=read_place(chain, lat, lon),
            source=source,
        )

    return read_event


def _compile_refusal(spec: MappingSpec) -> Callable[[Chain], None]:
    """Raises Rejected for the first required field that an event lacks."""
    required = [FieldReaders(spec).get(name) for name in spec.required]

    def refuse_missing(chain: Chain) -> None:
        shown = next(shown for find, shown in required if find(chain) is None)
        raise Rejected(RejectReason.MISSING_FIELD, f"{shown} is missing")

    return refuse_missing


def _carrier(spec: MappingSpec) -> Callable[[Chain], str] | None:
    """A feed that brings several carriers names them itself."""
    if "carrier" not in spec.fields:
        return None
    find, shown = FieldReaders(spec).get("carrier")
    return lambda chain: read_identifier(find(chain), shown) or spec.carrier


def _compile_place(spec: MappingSpec) -> PlaceReader:
    fields = FieldReaders(spec)
    (_, lat_shown), (_, lon_shown) = fields.get("lat"), fields.get("lon")
    read_speed, read_bearing, read_accuracy = (
        fields.number_reader(name) for name in ("speed", "bearing_deg", "accuracy_m")
    )
    read_name, read_hub = fields.reader("place_name", read_raw, None), fields.identifier_reader("hub")
    mps_per_unit, redact = MPS_PER_UNIT[spec.speed_unit], compile_redaction(spec.personal)

    def read_place(chain: Chain, lat: Any, lon: Any) -> Place | None:
        position = read_position(lat, lon, lat_shown, lon_shown)
        place_name, hub_id = read_name(chain), read_hub(chain)
        place_name = redact(place_name, chain) if place_name else None
        if position is None:
            return Place(name=place_name, hub=hub_id) if place_name or hub_id else None
        speed_units = read_speed(chain)
        return Place(
            position[0],
            position[1],
            read_accuracy(chain),
            None if speed_units is None else speed_units * mps_per_unit,
            read_bearing(chain),
            place_name,
            hub_id,
        )

    return read_place
