"""Changelog values that say which version of their schema they are in.

The first byte is the schema version, 2 to 15. Schema 1 had no such byte: its values begin with the first
byte of a msgpack array, a JSON text or a zlib stream, none of which is that small.
"""

from __future__ import annotations

from typing import Final

from controltower.streaming.exits import Refused

UNSTAMPED: Final = 1
_LAST: Final = 0x0F


def stamp(schema: int, data: bytes) -> bytes:
    """The value to keep."""
    return bytes((schema,)) + data


def open_stamped(value: bytes, known: int, what: str) -> tuple[int, bytes]:
    """(schema, data). Raises Refused where the schema is newer than `known`."""
    schema, data = split(value)
    if schema > known:
        raise Refused(
            f"{what} in the changelog is from a newer version (schema {schema}, this one knows {known})",
            "Run that version again, or a newer one.",
        )
    return schema, data


def split(value: bytes) -> tuple[int, bytes]:
    """(schema, data) of whatever version."""
    if value and UNSTAMPED < value[0] <= _LAST:
        return value[0], value[1:]
    return UNSTAMPED, value
