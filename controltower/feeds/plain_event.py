"""A payload that is one plain event, as nearly every position is, decoded into just what its mapping reads.

The paths of a mapping become a struct of their own, so that msgspec leaves out what nobody asks for, and a
value is found by one call of C. Whatever is not as it nearly always is (an object in another's place, an
empty text, a level that is missing, whatever would be rejected) is left to the reader that takes every
oddity, so this one only has to be right where all is well. One thing it does not see: a number too large for
a float in a field that the mapping does not name.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from operator import attrgetter
from typing import Annotated, Any, cast

import msgspec

from controltower.feeds.event_reader import compile_event, compile_times
from controltower.feeds.meanings import compile_code
from controltower.feeds.paths import Chain, Getter, compile_paths, plain_names
from controltower.feeds.payload import DEEPEST_NESTING, LARGEST_PAYLOAD_BYTES
from controltower.feeds.rejection import Rejected
from controltower.feeds.spec import MappingSpec
from schemas.wire import Scan, Source

#: An empty text stands for no value.
_Scalar = Annotated[str, msgspec.Meta(min_length=1)] | int | float | bool | None
#: Names -> names of the next level, or None where the value stands.
_Tree = dict[str, "_Tree | None"]

#: (payload bytes, received_at, where the record stands) -> the event's scan, or None for the other reader
PlainReader = Callable[[bytes | None, datetime, Source], Scan | None]


class NotPlain(Exception):
    """A mapping that asks for more than the values of names."""


class _Shape:
    """The struct of all paths that were asked for so far."""

    def __init__(self) -> None:
        self._tree: _Tree = {}
        self._attributes: dict[str, str] = {}

    def compile_path(self, path: str) -> Getter:
        """A getter over the decoded struct. Raises NotPlain."""
        names = plain_names(path)
        if not names:
            raise NotPlain
        *outer, last = names
        level = self._tree
        for name in outer:
            inner = level.setdefault(name, {})
            if inner is None:
                raise NotPlain
            level = inner
        if level.setdefault(last, None) is not None:
            raise NotPlain
        return cast(Getter, attrgetter(".".join(map(self._attribute, names))))

    def compile_decode(self) -> Callable[[bytes], Any]:
        """The decoder; it raises for a value that is neither a scalar nor an object where one is needed."""
        return msgspec.json.Decoder(self._struct(self._tree)).decode

    def _attribute(self, name: str) -> str:
        """Names of JSON need not be those of Python."""
        return self._attributes.setdefault(name, f"n{len(self._attributes)}")

    def _struct(self, level: _Tree) -> type[msgspec.Struct]:
        fields = [
            (self._attribute(name), _Scalar if inner is None else self._struct(inner) | None, None)
            for name, inner in level.items()
        ]
        rename = {self._attribute(name): name for name in level}
        return msgspec.defstruct("Plain", fields, rename=rename, gc=False)


def compile_plain(spec: MappingSpec, version: int) -> PlainReader | None:
    """The reader of plain events; None where the mapping's payloads are not of that kind."""
    asks_for_more = spec.nested or spec.nothing or spec.skip or spec.personal
    names_zones = any(not isinstance(zone, str) for zone in spec.time.zone or ())
    if asks_for_more or names_zones or spec.event_paths or (spec.format, spec.encoding) != ("json", "utf-8"):
        return None
    shape = _Shape()
    try:
        read_time, read_code = compile_times(spec, shape.compile_path), compile_code(spec, shape.compile_path)
        read_event = compile_event(spec, version, read_time, read_code, shape.compile_path)
        find_version = compile_paths(spec.schema_.field, shape.compile_path) if spec.schema_ else None
    except NotPlain:
        return None
    decode, known = shape.compile_decode(), spec.schema_.known if spec.schema_ else ()

    def read_plain(value: bytes | None, received_at: datetime, source: Source) -> Scan | None:
        if not value or not _is_plain(value):
            return None
        try:
            event = cast(Chain, decode(value))
            if find_version is not None and find_version(event) not in known:
                return None
            scan = read_event(event, received_at, source)
        except (msgspec.DecodeError, AttributeError, RecursionError, Rejected):
            return None
        return None if scan.shipment_ids else scan

    return read_plain


def _is_plain(value: bytes) -> bool:
    """Within the limits of a payload, and surely text."""
    return (
        len(value) <= LARGEST_PAYLOAD_BYTES
        and value.isascii()
        and value.count(b"{") + value.count(b"[") <= DEEPEST_NESTING
    )
