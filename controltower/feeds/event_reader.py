"""What one event of a payload becomes: a scan, with every value that the mapping names, or a rejection."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from controltower.feeds.field_readers import FieldReaders
from controltower.feeds.fields import compile_field
from controltower.feeds.identity import compile_identity, hash_event
from controltower.feeds.meanings import CodeReader
from controltower.feeds.paths import Chain, CompilePath, compile_path
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
from schemas.vocabulary import RejectReason
from schemas.wire import Place, Scan, Source

MPS_PER_UNIT: Final = {"m/s": 1.0, "km/h": 1 / 3.6, "mph": 0.44704, "kn": 1852 / 3600}
#: A later version of the mapping replaces what an earlier one made of the same event, whatever the carrier
#: calls its revision (below 2**31).
REVISIONS_PER_VERSION: Final = 1 << 31
#: Required fields that the scan needs in any case.
_READ_ONCE: Final[tuple[FieldName, ...]] = ("occurred_at", "lat", "lon")

EventReader = Callable[[Chain, datetime, Source], Scan]
#: (event, its latitude and longitude as the payload has them)
PlaceReader = Callable[[Chain, Any, Any], Place | None]


def compile_times(spec: MappingSpec, compile_one: CompilePath = compile_path) -> TimeReader:
    """The reader of the mapping's times. Raises ValueError for what the mapping has wrong."""
    find_lat, find_lon = (compile_field(spec.fields.get(name, "="), compile_one) for name in ("lat", "lon"))
    return compile_time(spec.time.format, compile_zones(spec.time.zone or ("place",), find_lat, find_lon))


def compile_event(
    spec: MappingSpec,
    version: int,
    read_time: TimeReader,
    read_code: CodeReader,
    compile_one: CompilePath = compile_path,
) -> EventReader:
    """The reader of one event; `compile_one` says what a path is looked up in."""
    fields = FieldReaders(spec, compile_one)
    (find_lat, _), (find_lon, _) = fields.number("lat"), fields.number("lon")
    needs_time, needs_lat, needs_lon = (name in spec.required for name in _READ_ONCE)
    others = [fields.get(name)[0] for name in spec.required if name not in _READ_ONCE]
    nobody: tuple[str, ...] = ()
    read_shipments = fields.reader("shipment_ids", read_identifiers, nobody)
    read_route, read_vehicle, read_stop = (
        fields.identifier_reader(name) for name in ("route_id", "vehicle_id", "stop_id")
    )
    (_, shipments), (_, route) = fields.get("shipment_ids"), fields.get("route_id")
    find_occurred, occurred = fields.get("occurred_at")
    find_recorded, recorded = fields.get("recorded_at")
    read_later = fields.reader("revision", read_revision, 1, fields.integer("revision")[0])
    read_text, redact = fields.reader("text", read_raw, None), compile_redaction(spec.personal)
    identify, read_place = compile_identity(spec, compile_one), _compile_place(spec, fields)
    find_carrier = _carrier(spec, fields)
    refuse_missing = _compile_refusal(spec, fields)
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


def _compile_refusal(spec: MappingSpec, fields: FieldReaders) -> Callable[[Chain], None]:
    """Raises Rejected for the first required field that an event lacks."""
    required = [fields.get(name) for name in spec.required]

    def refuse_missing(chain: Chain) -> None:
        shown = next(shown for find, shown in required if find(chain) is None)
        raise Rejected(RejectReason.MISSING_FIELD, f"{shown} is missing")

    return refuse_missing


def _carrier(spec: MappingSpec, fields: FieldReaders) -> Callable[[Chain], str] | None:
    """A feed that brings several carriers names them itself."""
    if "carrier" not in spec.fields:
        return None
    find, shown = fields.get("carrier")
    return lambda chain: read_identifier(find(chain), shown) or spec.carrier


def _compile_place(spec: MappingSpec, fields: FieldReaders) -> PlaceReader:
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
