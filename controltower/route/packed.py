"""What of a route is seldom read is kept as the bytes (msgpack) in which it stands in the changelog.

Packed, a snapshot or the answer about eight stops takes a third of what its objects do, and an encoded state
copies it. It is packed once, where it changes, and unpacked where it is read.
"""

from __future__ import annotations

import msgspec
from msgspec import Raw

from controltower.route.evidence import START, Snapshot
from controltower.route.steadied import Answers

#: Against the ETA of the rule, and from the median down to the 10 % and up to the 90 % quantile, seconds.
Arrival = tuple[int, int, int]

_encode = msgspec.msgpack.Encoder().encode
_decode_shares = msgspec.msgpack.Decoder(dict[int, float]).decode
_decode_arrivals = msgspec.msgpack.Decoder(dict[int, Arrival]).decode
_decode_answers = msgspec.msgpack.Decoder(Answers).decode
_decode_snapshot = msgspec.msgpack.Decoder(Snapshot).decode
_PARTS = Snapshot.__struct_fields__


def pack(value: object) -> Raw:
    """Its bytes."""
    return Raw(_encode(value))


#: An empty mapping; nothing seen yet; no answer yet.
NO_ENTRIES, PACKED_START, NO_ANSWERS = pack({}), pack(START), pack(Answers())


def open_shares(packed: Raw) -> dict[int, float]:
    """Stop index -> p(late)."""
    return _decode_shares(packed)


def open_arrivals(packed: Raw) -> dict[int, Arrival]:
    """Stop index -> arrival."""
    return _decode_arrivals(packed)


def open_answers(packed: Raw) -> Answers:
    """Answers so far, to be packed again where one is added."""
    return _decode_answers(packed)


def open_snapshot(packed: Raw) -> Snapshot:
    """A snapshot; parts that say nothing are those of `START`, once for all routes."""
    if packed is PACKED_START:
        return START
    opened = _decode_snapshot(packed)
    parts = [
        usual if usual == (part := getattr(opened, name)) else part
        for name, usual in zip(_PARTS, _STARTING, strict=True)
    ]
    return Snapshot(*parts)


_STARTING = tuple([getattr(START, name) for name in _PARTS])
