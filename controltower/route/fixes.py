"""The newest fixes of a route, in order of time: bytes as they stand in the changelog, all equally long.

An array (msgpack) of `Fix`, and each of these an array of an integer and three floats of 8 bytes. In objects
they take four times as much.
"""

from __future__ import annotations

from collections.abc import Iterable
from struct import Struct

import msgspec
from msgspec import Raw

from controltower.route.evidence import Fix

#: An array of 4, a signed integer and three floats, each behind its mark.
_FIX = Struct(">BBqBdBdBd")
_FIX_BYTES = _FIX.size
_ARRAY_OF_4, _INT, _FLOAT = 0x94, 0xD3, 0xCB
#: Where in a fix its time stands.
_AT, _AT_PLACE = Struct(">q"), 2
#: How an array begins: of up to 15, and of more, with four bytes for how many.
_SHORT_HEADS = tuple([bytes([0x90 + many]) for many in range(16)])
_LONG_HEAD, _LONG_HEAD_BYTES = 0xDD, 5
_decode = msgspec.msgpack.Decoder(list[Fix]).decode

NO_FIXES = Raw(_SHORT_HEADS[0])


def pack_fixes(fixes: Iterable[Fix]) -> Raw:
    """Fixes in order of time."""
    return _with_head(b"".join([_pack(fix) for fix in fixes]))


def open_fixes(packed: Raw) -> list[Fix]:
    """All of them, however they were encoded."""
    return _decode(packed)


def add_fix(packed: Raw, fix: Fix) -> Raw:
    """One more that is newer than those."""
    data = bytes(packed)
    return _with_head(data[_head_bytes(data) :] + _pack(fix))


def newest_fix(packed: Raw) -> Fix | None:
    """The last of them, None where there is none."""
    data = bytes(packed)
    if len(data) < _FIX_BYTES:
        return None
    _, _, at_ms, _, lat, _, lon, _, accuracy_m = _FIX.unpack_from(data, len(data) - _FIX_BYTES)
    return Fix(at_ms, lat, lon, accuracy_m)


def fixes_from(packed: Raw, from_ms: int) -> Raw:
    """Without those before `from_ms`."""
    data = bytes(packed)
    place = _head_bytes(data)
    while place < len(data) and _AT.unpack_from(data, place + _AT_PLACE)[0] < from_ms:
        place += _FIX_BYTES
    return _with_head(data[place:])


def _pack(fix: Fix) -> bytes:
    return _FIX.pack(_ARRAY_OF_4, _INT, fix.at_ms, _FLOAT, fix.lat, _FLOAT, fix.lon, _FLOAT, fix.accuracy_m)


def _head_bytes(data: bytes) -> int:
    return _LONG_HEAD_BYTES if data[0] == _LONG_HEAD else 1


def _with_head(fixes: bytes) -> Raw:
    many = len(fixes) // _FIX_BYTES
    head = _SHORT_HEADS[many] if many < len(_SHORT_HEADS) else bytes([_LONG_HEAD]) + many.to_bytes(4)
    return Raw(head + fixes)
