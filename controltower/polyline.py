"""Planned paths as short text: the encoded polyline format with 5 decimals (about 1 m).

Each coordinate is the difference to the one before in units of 1e-5 degrees, sign in the lowest bit,
cut into groups of five bits from the lowest up, each written as one printable character from `?` on.
The format: https://developers.google.com/maps/documentation/utilities/polylinealgorithm
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

_SCALE = 100_000
_FIRST_CHARACTER = 63
_GROUP_BITS = 5
_MORE = 1 << _GROUP_BITS
#: A difference of 360 degrees needs 27 bits, so a longer number is no polyline.
_LONGEST_BITS = 30


class PolylineError(ValueError):
    """The text is no encoded polyline."""


def encode(points: Iterable[tuple[float, float]]) -> str:
    """Encode (lat, lon) pairs in degrees."""
    text: list[str] = []
    last_lat = last_lon = 0
    for lat, lon in points:
        units_lat, units_lon = round(lat * _SCALE), round(lon * _SCALE)
        text.extend(_characters(units_lat - last_lat))
        text.extend(_characters(units_lon - last_lon))
        last_lat, last_lon = units_lat, units_lon
    return "".join(text)


def decode(text: str) -> list[tuple[float, float]]:
    """Decode to (lat, lon) pairs in degrees. Raises PolylineError, never IndexError."""
    differences = list(_differences(text))
    if len(differences) % 2:
        raise PolylineError("a latitude without its longitude")
    points: list[tuple[float, float]] = []
    lat = lon = 0
    for index in range(0, len(differences), 2):
        lat += differences[index]
        lon += differences[index + 1]
        points.append((lat / _SCALE, lon / _SCALE))
    return points


def _characters(difference: int) -> Iterator[str]:
    folded = ~(difference << 1) if difference < 0 else difference << 1
    while folded >= _MORE:
        yield chr((_MORE | (folded & (_MORE - 1))) + _FIRST_CHARACTER)
        folded >>= _GROUP_BITS
    yield chr(folded + _FIRST_CHARACTER)


def _differences(text: str) -> Iterator[int]:
    folded = shift = 0
    for position, character in enumerate(text):
        group = ord(character) - _FIRST_CHARACTER
        if not 0 <= group < 2 * _MORE:
            raise PolylineError(f"character {position} is outside the alphabet")
        folded |= (group & (_MORE - 1)) << shift
        shift += _GROUP_BITS
        if shift > _LONGEST_BITS:
            raise PolylineError(f"character {position}: the number is too long")
        if group < _MORE:
            yield ~(folded >> 1) if folded & 1 else folded >> 1
            folded = shift = 0
    if shift:
        raise PolylineError("the text ends within a number")
