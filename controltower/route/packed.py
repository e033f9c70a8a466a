"""What of a route is seldom read is kept as the bytes (msgpack) in which it stands in the changelog.

Packed, a snapshot or the answer about eight stops takes a third of what its objects do, and an encoded state
copies it. It is packed once, where it changes, and unpacked where it is read.
"""

from __future__ import annotations

from struct import Struct
from typing import Final

import msgspec
from msgspec import Raw

from controltower.route.answers import Answers
from controltower.route.evidence import START, Leaving, Snapshot

#: Against the ETA of the rule, and from the median down to the 10 % and up to the 90 % quantile, seconds.
Arrival = tuple[int, int, int]

_encode: Final = msgspec.msgpack.Encoder().encode
_decode_shares: Final = msgspec.msgpack.Decoder(dict[int, float]).decode
_decode_arrivals: Final = msgspec.msgpack.Decoder(dict[int, Arrival]).decode
_decode_answers: Final = msgspec.msgpack.Decoder(Answers).decode
_decode_snapshot: Final = msgspec.msgpack.Decoder(Snapshot).decode
_decode_leaving: Final = msgspec.msgpack.Decoder(Leaving).decode


def pack(value: object) -> Raw:
    """Its bytes; copied, since the encoder leaves room behind what it wrote."""
    return Raw(bytes(memoryview(_encode(value))))


#: An empty mapping; and a struct, as an array, of which every field is as usual: it begins with none of them.
NO_ENTRIES: Final = pack({})
AS_USUAL: Final = pack(())
PACKED_START: Final = b"\x90"
#: How a snapshot begins: an array of so many parts.
_HEAD: Final = bytes([0x90 + len(Snapshot.__struct_fields__)])
#: Where its time stands, behind the mark of a number of 8 bytes, signed or not.
_AT: Final = Struct(">q")
_AT_PLACE: Final = 3
_UNSIGNED: Final = 0xCF
_SIGNED: Final = 0xD3


def open_shares(packed: Raw) -> dict[int, float]:
    """Stop index -> p(late)."""
    return _decode_shares(packed)


def open_arrivals(packed: Raw) -> dict[int, Arrival]:
    """Stop index -> arrival."""
    return _decode_arrivals(packed)


def open_answers(packed: Raw) -> Answers:
    """Answers so far, to be packed again where one is added."""
    return _decode_answers(packed)


def pack_snapshot(snapshot: Snapshot) -> bytes:
    """Its bytes; most routes have nothing to say of most rules."""
    usual, none = START, AS_USUAL
    parts = (
        snapshot.progress,
        snapshot.standing,
        _or_none(snapshot.halt, usual.halt, none),
        _or_none(snapshot.dwell, usual.dwell, none),
        _or_none(snapshot.detour, usual.detour, none),
        _or_none(snapshot.slow, usual.slow, none),
        _or_none(snapshot.reversal, usual.reversal, none),
        _or_none(snapshot.slipping, usual.slipping, none),
        snapshot.lost_ms,
    )
    data: bytes = _encode(parts)
    return _HEAD + data[1:]  # copied, as in pack()


def _or_none(part: msgspec.Struct, usual: msgspec.Struct, none: Raw) -> msgspec.Struct | Raw:
    """By what it says, so that the bytes of a snapshot are the same after a restore."""
    return none if part is usual or part == usual else part


def taken_at_ms(packed: bytes) -> int:
    """When the snapshot was taken: the time of the newest fix in it."""
    mark = packed[_AT_PLACE - 1] if len(packed) > _AT_PLACE else 0
    if mark in (_UNSIGNED, _SIGNED):
        at_ms: int = _AT.unpack_from(packed, _AT_PLACE)[0]
        return at_ms
    return open_snapshot(packed).progress.at_ms


def has_departed(packed: Raw) -> bool:
    """Whether the vehicle had departed by then; nothing else is read."""
    return bool(_decode_leaving(packed).progress.departed_ms)


def open_snapshot(packed: bytes) -> Snapshot:
    """A snapshot; parts that say nothing are those of `START`, once for all routes."""
    usual = START
    if packed == PACKED_START:
        return usual
    opened = _decode_snapshot(packed)
    return Snapshot(
        opened.progress,
        opened.standing,
        usual.halt if opened.halt == usual.halt else opened.halt,
        usual.dwell if opened.dwell == usual.dwell else opened.dwell,
        usual.detour if opened.detour == usual.detour else opened.detour,
        usual.slow if opened.slow == usual.slow else opened.slow,
        usual.reversal if opened.reversal == usual.reversal else opened.reversal,
        usual.slipping if opened.slipping == usual.slipping else opened.slipping,
        opened.lost_ms,
    )
