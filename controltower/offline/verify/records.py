"""Records made comparable: without published_at, which is the only field that may differ.

Of a scan clock_skew_s is left out too: on a live feed it depends on the wall clock between two records.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from controltower.stamped import split

_IGNORED: Final = frozenset({"published_at"})
_IGNORED_OF_INTAKE: Final = frozenset({"published_at", "clock_skew_s"})
_decode = msgspec.json.Decoder().decode
_decode_state = msgspec.msgpack.Decoder().decode
_encode = msgspec.json.Encoder(order="sorted").encode
_MISSING: Final = object()
#: Fields that say which record it is, across all schemas.
_TELLING: Final = (
    "schema",
    "exception_id",
    "action_id",
    "request_id",
    "command_id",
    "route_id",
    "scan_id",
    "code",
    "seq",
    "transition",
    "state",
    "of",
)


def comparable(value: bytes | None, ignored: frozenset[str] = _IGNORED) -> Any:
    """The JSON of a record without what is ignored, at any depth; its bytes where it is no JSON.

    A dead letter holds whatever an outsider sent: not UTF-8, or nested without end.
    """
    if value is None:
        return None
    try:
        return _without(_decode(value), ignored)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return value


def comparable_state(value: bytes) -> Any:
    """As `comparable`, for an entry of a changelog (msgpack)."""
    try:
        return _without(_decode_state(split(value)[1]), _IGNORED)
    except msgspec.DecodeError:
        return comparable(value)


def fingerprint(value: bytes | None) -> bytes:
    """Equal for records that are equal but for what may differ between an intake and its replay."""
    found = comparable(value, _IGNORED_OF_INTAKE)
    return found if isinstance(found, bytes) else _encode(found)


def _without(node: Any, ignored: frozenset[str]) -> Any:
    if isinstance(node, dict):
        return {name: _without(child, ignored) for name, child in node.items() if name not in ignored}
    if isinstance(node, list):
        return [_without(child, ignored) for child in node]
    return node


def first_difference(expected: Any, found: Any, path: str = "") -> str:
    """Names the first field that differs, and both values."""
    if isinstance(expected, dict) and isinstance(found, dict):
        for name in [*expected, *(name for name in found if name not in expected)]:
            one, other = expected.get(name, _MISSING), found.get(name, _MISSING)
            if one != other:
                return first_difference(one, other, f"{path}.{name}" if path else str(name))
    if isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        for index, (one, other) in enumerate(zip(expected, found, strict=True)):
            if one != other:
                return first_difference(one, other, f"{path}[{index}]")
    return f"{path or 'the value'} is {_shown(found)} live and {_shown(expected)} in the replay"


def _shown(value: Any) -> str:
    if value is _MISSING:
        return "absent"
    text = repr(value)
    return text if len(text) <= 120 else f"{text[:117]}..."


def name_of(value: bytes | None) -> str:
    """What a record is about, for a message: its ids, its place in its life, and where it came from."""
    record = comparable(value)
    if not isinstance(record, dict):
        return "a record that is no JSON"
    source = record.get("source")
    if isinstance(source, dict) and "topic" in source:
        record["of"] = f"{source['topic']}/{source.get('partition')} offset {source.get('offset')}"
    known = [f"{name} {record[name]}" for name in _TELLING if record.get(name) is not None]
    return ", ".join(known) or "a record without an id"
