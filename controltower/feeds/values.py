"""One value of a payload as what the scan needs: strict in type, bounded in size, or a rejection."""

from __future__ import annotations

from typing import Any, Final

from controltower.feeds.rejection import Rejected
from schemas.vocabulary import RejectReason

LONGEST_IDENTIFIER: Final = 200
#: Codes and their texts are cut, so that free text cannot grow.
LONGEST_RAW: Final = 200
#: Beyond any speed, bearing or accuracy; keeps huge integers out of floats.
LARGEST_NUMBER: Final = 1e9
#: Closer to 0/0 (about 10 cm) is a device without a fix, not a van in the Gulf of Guinea.
NO_FIX_DEG: Final = 1e-6


def read_identifier(value: Any, field: str) -> str | None:
    """Text of 1-200 characters, or an integer taken as text; None stays None."""
    if value is None:
        return None
    text = value if type(value) is str else _as_text(value, field)
    if text is not None and len(text) > LONGEST_IDENTIFIER:
        raise Rejected(RejectReason.OUT_OF_RANGE, f"{field} is longer than {LONGEST_IDENTIFIER} characters")
    return text


def read_identifiers(value: Any, field: str) -> tuple[str, ...]:
    """One identifier or a list of them, each once."""
    if value is None:
        return ()
    members = value if type(value) is list else (value,)
    found = dict.fromkeys(read_identifier(member, field) for member in members if member != "")
    return tuple(identifier for identifier in found if identifier is not None)


def read_raw(value: Any, field: str) -> str | None:
    """A code or its text, cut to 200 characters."""
    text = None if value is None else _as_text(value, field)
    return None if text is None else text[:LONGEST_RAW]


def _as_text(value: Any, field: str) -> str | None:
    """An XML element with attributes and nothing in it says nothing."""
    if type(value) is str:
        return value
    if type(value) is int:
        if abs(value) < 1 << 64:
            return str(value)
        raise Rejected(RejectReason.OUT_OF_RANGE, f"{field} has more than 64 bits")
    if type(value) is dict and value and all(name.startswith("@") for name in value):
        return None
    raise Rejected(RejectReason.WRONG_TYPE, f"{field} is neither text nor integer")


def read_number(value: Any, field: str) -> float | None:
    """A number; negative is how trackers say that they do not know it."""
    if value is None:
        return None
    if type(value) is not float and type(value) is not int:
        raise Rejected(RejectReason.WRONG_TYPE, f"{field} is no number")
    if not value <= LARGEST_NUMBER:
        raise Rejected(RejectReason.OUT_OF_RANGE, f"{field} is too large")
    return float(value) if value >= 0 else None


def read_revision(value: Any, field: str) -> int:
    """A count from 1; a payload without one has the first."""
    if value is None:
        return 1
    if type(value) is not int:
        raise Rejected(RejectReason.WRONG_TYPE, f"{field} is no integer")
    if not 1 <= value < 1 << 31:
        raise Rejected(RejectReason.OUT_OF_RANGE, f"{field} is not from 1 to 2**31")
    return value


def read_position(lat: Any, lon: Any, lat_field: str, lon_field: str) -> tuple[float, float] | None:
    """Latitude and longitude in degrees, both or neither."""
    if lat is None and lon is None:
        return None
    if not (type(lat) is type(lon) is float and -90 <= lat <= 90 and -180 <= lon <= 180):
        _refuse_halves(lat, lon, lat_field, lon_field)
    if abs(lat) < NO_FIX_DEG and abs(lon) < NO_FIX_DEG:
        raise Rejected(RejectReason.OUT_OF_RANGE, f"{lat_field} and {lon_field} are 0/0")
    return float(lat), float(lon)


def _refuse_halves(lat: Any, lon: Any, lat_field: str, lon_field: str) -> None:
    """Raises Rejected unless both are numbers of degrees."""
    for value, field, limit_deg in ((lat, lat_field, 90), (lon, lon_field, 180)):
        if value is None:
            raise Rejected(RejectReason.MISSING_FIELD, f"{field} is missing, half of a position")
        if type(value) is not float and type(value) is not int:
            raise Rejected(RejectReason.WRONG_TYPE, f"{field} is no number")
        if not -limit_deg <= value <= limit_deg:
            raise Rejected(RejectReason.OUT_OF_RANGE, f"{field} is beyond {limit_deg} degrees")
