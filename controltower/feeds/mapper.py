"""A mapping compiled once to a function from payload to scans."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy as copy_of
from datetime import datetime
from typing import Any, Final, NamedTuple

from controltower.feeds.conditions import compile_any, compile_nothings
from controltower.feeds.event_reader import EventReader, compile_event, compile_times
from controltower.feeds.events import Walk, compile_events
from controltower.feeds.formats import Decode, find_decode
from controltower.feeds.identity import hash_for_shipment
from controltower.feeds.meanings import CodeReader, compile_code, compile_knowledge
from controltower.feeds.nested import decode_nested
from controltower.feeds.paths import Chain, as_object, compile_paths, show_paths
from controltower.feeds.plain_event import PlainReader, compile_plain
from controltower.feeds.rejection import Rejected
from controltower.feeds.spec import MappingSpec
from controltower.feeds.times import TimeReader
from controltower.feeds.values import read_raw
from schemas.vocabulary import Nothing, RejectReason
from schemas.wire import Scan, Source

#: A payload of 1 MiB holds fewer honest events; more would be one list of shipments named again and again.
MOST_SCANS_PER_RECORD: Final = 5000

#: The path of the record's key: `$.@key`.
KEY_FIELD: Final = "@key"


class Reading(NamedTuple):
    """What a payload became; `nothings` is what it says to have none of, and for which shipment."""

    scans: list[Scan]
    nothings: list[tuple[Nothing, str | None]]


#: Appends the scans of a payload's events.
EventsReader = Callable[[Chain, datetime, Source, list[Scan]], None]
#: (payload bytes, received_at, where the record stands, its key) -> scans; raises Rejected and nothing else
PayloadReader = Callable[[bytes | None, datetime, Source, bytes | None], Reading]


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
    read_plain: PlainReader | None


def compile_mapping(spec: MappingSpec, version: int = 0) -> Mapping:
    """The parts of one feed's reader. Raises ValueError for what the mapping has wrong."""
    read_time, read_code = compile_times(spec), compile_code(spec)
    needs_key = KEY_FIELD in spec.model_dump_json()
    return Mapping(
        decode_nested(find_decode(spec.format, spec.csv, spec.encoding), spec.nested),
        _compile_head(spec),
        compile_events(spec.event_paths),
        compile_any(spec.skip),
        compile_event(spec, version, read_time, read_code),
        read_time,
        read_code,
        needs_key,
        compile_knowledge(spec),
        spec.event_paths is None,
        None if needs_key else compile_plain(spec, version),
    )


def compile_reader(mapping: Mapping) -> PayloadReader:
    """The reader of one feed's payloads.

    A record is taken as a whole or not at all: one bad event rejects it, so that accepted + rejected =
    received, and whoever repairs a dead letter sends back exactly what was refused. A scan that names
    several shipments becomes one scan for each.
    """
    decode, find_nothings, needs_key = mapping.decode, mapping.find_nothings, mapping.needs_key
    read_events = _compile_single(mapping) if mapping.is_single else _compile_walk(mapping)
    read_plain = mapping.read_plain

    def read_payload(
        value: bytes | None, received_at: datetime, source: Source, key: bytes | None = None
    ) -> Reading:
        if read_plain is not None and (scan := read_plain(value, received_at, source)) is not None:
            return Reading([scan], [])
        root: Chain = (with_key(decode(value), key) if needs_key else decode(value),)
        scans: list[Scan] = []
        is_empty, nothings = find_nothings(root)
        if not is_empty:
            read_events(root, received_at, source, scans)
        return Reading(scans, nothings)

    return read_payload


def _compile_walk(mapping: Mapping) -> EventsReader:
    """Every event where the mapping says that events stand."""
    walk, is_skipped, read_event = mapping.walk, mapping.is_skipped, mapping.read_event

    def read_events(root: Chain, received_at: datetime, source: Source, scans: list[Scan]) -> None:
        for index, chain in enumerate(walk(root)):
            try:
                if is_skipped is not None and is_skipped(chain):
                    continue
                where = Source(source.topic, source.partition, source.offset, index) if index else source
                scan = read_event(chain, received_at, where)
            except Rejected as rejected:
                raise (rejected if len(chain) == 1 else rejected.within(f"event {index}")) from None
            append_per_shipment(scans, scan)

    return read_events


def _compile_single(mapping: Mapping) -> EventsReader:
    """The payload is the one event, as it is with most positions."""
    is_skipped, read_event = mapping.is_skipped, mapping.read_event

    def read_the_event(root: Chain, received_at: datetime, source: Source, scans: list[Scan]) -> None:
        as_object(root[0], "the payload")
        if is_skipped is None or not is_skipped(root):
            append_per_shipment(scans, read_event(root, received_at, source))

    return read_the_event


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
