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
    """Its bytes; copied, since the encoder leaves room behind what it wrote."""
    return Raw(bytes(memoryview(_encode(value))))


#: An empty mapping; and a struct, as an array, of which every field is as usual: it begins with none of them.
NO_ENTRIES, AS_USUAL = pack({}), pack(())
PACKED_START = AS_USUAL


def open_shares(packed: Raw) -> dict[int, float]:
    """Stop index -> p(late)."""
    return _decode_shares(packed)


def open_arrivals(packed: Raw) -> dict[int, Arrival]:
    """Stop index -> arrival."""
    return _decode_arrivals(packed)


def open_answers(packed: Raw) -> Answers:
    """Answers so far, to be packed again where one is added."""
    return _decode_answers(packed)


def pack_snapshot(snapshot: Snapshot) -> Raw:
    """Its bytes; most routes have nothing to say of most rules."""
    usual = START
    return pack(
        (
            snapshot.progress,
            snapshot.standing,
            _or_usual(snapshot.halt, usual.halt),
            _or_usual(snapshot.dwell, usual.dwell),
            _or_usual(snapshot.detour, usual.detour),
            _or_usual(snapshot.slow, usual.slow),
            _or_usual(snapshot.reversal, usual.reversal),
            _or_usual(snapshot.slipping, usual.slipping),
            snapshot.lost_ms,
        )
    )


def _or_usual(part: msgspec.Struct, usual: msgspec.Struct) -> msgspec.Struct | Raw:
    """By what it says, so that the bytes of a snapshot are the same after a restore."""
    return AS_USUAL if part is usual or part == usual else part


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
