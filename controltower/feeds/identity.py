"""The identity of a scan: the same event of a carrier has the same id, however often it is told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from hashlib import sha256
from typing import Final

import msgspec

from controltower.feeds.field_readers import FieldReaders
from controltower.feeds.paths import Chain, CompilePath, compile_path, compile_paths, show_paths
from controltower.feeds.rejection import Rejected
from controltower.feeds.spec import FieldName, MappingSpec
from controltower.feeds.values import LONGEST_IDENTIFIER, read_identifier, read_raw
from schemas.vocabulary import RejectReason

_SCAN_ID_CHARACTERS: Final = 24
_SEPARATOR: Final = "\x1f"
_encode_time: Final = msgspec.json.Encoder().encode
#: What identifies an event where the mapping does not say: everything that tells it from its neighbours.
_TELLING: tuple[FieldName, ...] = ("vehicle_id", "stop_id", "code", "text", "hub", "place_name")


def hash_event(identity: str, at: datetime) -> str:
    """The id of an event, of its identity and its time.

    The time as isoformat() has it, which msgspec writes faster, with Z for the offset and in quotes.
    """
    content = b"%b\x1f%b+00:00" % (identity.encode(), _encode_time(at)[1:-2])
    return sha256(content).hexdigest()[:_SCAN_ID_CHARACTERS]


def hash_for_shipment(scan_id: str, shipment_id: str) -> str:
    """The id of a shipment's copy of a scan that names several."""
    return sha256(f"{scan_id}{_SEPARATOR}{shipment_id}".encode()).hexdigest()[:_SCAN_ID_CHARACTERS]


def compile_identity(spec: MappingSpec, compile_one: CompilePath = compile_path) -> Callable[[Chain], str]:
    """The function from an event to what identifies it, beside its time."""
    parts = [(compile_paths(paths, compile_one), show_paths(paths)) for paths in spec.identity]
    if not parts:
        return _compile_telling(spec, compile_one)
    shown = ", ".join(shown for _, shown in parts)
    feed = spec.feed

    def identify(chain: Chain) -> str:
        found = []
        for find, name in parts:
            value = find(chain)
            is_short = type(value) is str and len(value) <= LONGEST_IDENTIFIER
            found.append(value if is_short else read_identifier(value, name) or "")
        if not any(found):
            raise Rejected(RejectReason.MISSING_FIELD, f"nothing identifies the event: {shown}")
        return _SEPARATOR.join([feed, *found])

    return identify


def _compile_telling(spec: MappingSpec, compile_one: CompilePath) -> Callable[[Chain], str]:
    fields = FieldReaders(spec, compile_one)
    parts = [fields.get(name) for name in _TELLING if name in spec.fields]
    return lambda chain: _SEPARATOR.join(
        [spec.feed, *(read_raw(find(chain), shown) or "" for find, shown in parts)]
    )
