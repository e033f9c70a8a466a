"""The newest fixes of a route, in order of time, end to end as bytes: as they stand in the changelog.

There they are an array (msgpack) of `Fix`, and each of these an array of an integer and three floats. In
objects they take four times as much.
"""

from __future__ import annotations

from collections.abc import Iterable
from struct import Struct
from typing import Final

import msgspec
from msgspec import Raw

from controltower.route.evidence import Fix

#: All but the accuracy: an array of 4, a signed integer and two floats, each behind its mark.
_FIX: Final = Struct(">BBqBdBd")
_ARRAY_OF_4: Final = 0x94
_INT: Final = 0xD3
_FLOAT: Final = 0xCB
#: Where the accuracy stands, and where the next fix begins: a whole number of metres below 128 is one byte.
_ACCURACY_AT: Final = 28
_SHORT: Final = 29
_LONG: Final = 37
_WHOLE_BELOW: Final = 128.0
#: Where the time stands: a mark (of a signed number or not) and 8 bytes.
_TIME_FROM: Final = 2
_TIME_TO: Final = 10
_time: Final = Struct(">q").pack
#: How an array begins: of up to 15, and of more, with four bytes for how many.
_SHORT_HEADS: Final = tuple([bytes([0x90 + many]) for many in range(16)])
_LONG_HEAD: Final = 0xDD
_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(list[Fix]).decode
_decode_one: Final = msgspec.msgpack.Decoder(Fix).decode

NO_FIXES: Final = Raw(_SHORT_HEADS[0])


def pack_fix(fix: Fix) -> bytes:
    """One of them; those put end to end are packed fixes."""
    accuracy_m: float | int = fix.accuracy_m
    size = _LONG
    if 0.0 <= fix.accuracy_m < _WHOLE_BELOW and (whole := int(fix.accuracy_m)) == fix.accuracy_m:
        accuracy_m, size = whole, _SHORT
    data: bytes = _encode((fix.at_ms, fix.lat, fix.lon, accuracy_m))
    if len(data) == size:
        return data
    head = _FIX.pack(_ARRAY_OF_4, _INT, fix.at_ms, _FLOAT, fix.lat, _FLOAT, fix.lon)  # a number took less
    return head + bytes(_encode(accuracy_m))


def pack_fixes(fixes: Iterable[Fix]) -> bytes:
    """Fixes in order of time."""
    return b"".join([pack_fix(fix) for fix in fixes])


def open_fixes(packed: bytes) -> list[Fix]:
    """All of them."""
    return _decode(to_array(packed))


def newest_fix(packed: bytes) -> Fix | None:
    """The last of them, None where there is none."""
    last = place = 0
    while place < len(packed):
        last, place = place, place + _size_at(packed, place)
    return _decode_one(packed[last:]) if packed else None


def fixes_after(packed: bytes, at_ms: int) -> bytes:
    """Those behind the one of that moment, which is among them."""
    moment, place = _time(at_ms), 0
    while packed[place + _TIME_FROM : place + _TIME_TO] != moment:
        place += _size_at(packed, place)
    return packed[place + _size_at(packed, place) :]


def fixes_from(packed: bytes, from_ms: int) -> bytes:
    """Without those before `from_ms`."""
    return pack_fixes([fix for fix in open_fixes(packed) if fix.at_ms >= from_ms])


def to_array(packed: bytes) -> Raw:
    """As they stand in the changelog."""
    many = place = 0
    while place < len(packed):
        many, place = many + 1, place + _size_at(packed, place)
    head = _SHORT_HEADS[many] if many < len(_SHORT_HEADS) else bytes([_LONG_HEAD]) + many.to_bytes(4)
    return Raw(head + packed)


def from_array(array: Raw) -> bytes:
    """From the changelog, however they were encoded there."""
    return b"" if array == NO_FIXES else pack_fixes(_decode(array))


def _size_at(packed: bytes, place: int) -> int:
    return _LONG if packed[place + _ACCURACY_AT] == _FLOAT else _SHORT
