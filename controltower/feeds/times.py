"""Times of a payload, compiled once from the mapping's time format to a function that gives UTC."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from controltower.feeds.rejection import Rejected
from schemas.vocabulary import RejectReason

#: Nothing that we track happened before, so an earlier time is a device that lost its clock.
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
#: No device clock and no mistaken time zone is further ahead.
FURTHEST_AHEAD = timedelta(days=2)

_LATEST_EPOCH_S = 10_000_000_000
_DIRECTIVES = {
    "%Y": r"(?P<year>\d{4})",
    "%m": r"(?P<month>\d{1,2})",
    "%d": r"(?P<day>\d{1,2})",
    "%H": r"(?P<hour>\d{1,2})",
    "%M": r"(?P<minute>\d{1,2})",
    "%S": r"(?P<second>\d{1,2})",
}
_PATTERN_PARTS = " ".join(_DIRECTIVES)


class Instant(NamedTuple):
    """A time in UTC, and the zone that was assumed because the payload had none."""

    at: datetime
    assumed_zone: str | None


#: (value, when we received it, field for the detail) -> Instant; raises Rejected
TimeReader = Callable[[Any, datetime, str], Instant]
Parser = Callable[[Any], datetime]


def compile_time(time_format: str, zone: str | None) -> TimeReader:
    """time_format: iso, epoch_s, epoch_ms, or a pattern of %Y %m %d %H %M %S.

    Raises ValueError for an unknown directive and KeyError for an unknown zone.
    """
    parse = _compile_parser(time_format)
    zone_info = ZoneInfo(zone) if zone else None

    def read_time(value: Any, received_at: datetime, field: str) -> Instant:
        try:
            instant = _in_utc(parse(value), zone_info, received_at)
        except TypeError:
            raise Rejected(RejectReason.WRONG_TYPE, f"{field} has the wrong type for a time") from None
        except (ValueError, OverflowError):
            raise Rejected(RejectReason.BAD_TIME, f"{field} is no time of the format {time_format}") from None
        if instant.at < EARLIEST:
            raise Rejected(RejectReason.BAD_TIME, f"{field} is before the year 2000")
        if instant.at > received_at + FURTHEST_AHEAD:
            raise Rejected(RejectReason.BAD_TIME, f"{field} is more than 2 days after it was received")
        return instant

    return read_time


def _in_utc(at: datetime, zone: ZoneInfo | None, received_at: datetime) -> Instant:
    if at.tzinfo is UTC:
        return Instant(at, None)
    if at.tzinfo is not None:
        return Instant(at.astimezone(UTC), None)
    if zone is None:
        raise ValueError("no offset and no zone to assume")
    instant = at.replace(tzinfo=zone).astimezone(UTC)
    # The hour that the end of summer time repeats: the later one, unless that has not come yet.
    again = at.replace(tzinfo=zone, fold=1).astimezone(UTC)
    return Instant(again if instant < again <= received_at else instant, zone.key)


def _compile_parser(time_format: str) -> Parser:
    if time_format == "iso":
        return _parse_iso
    if time_format == "epoch_s":
        return lambda value: _parse_epoch(value, 1)
    if time_format == "epoch_ms":
        return lambda value: _parse_epoch(value, 1000)
    return _compile_pattern(time_format)


def _parse_iso(value: Any) -> datetime:
    if type(value) is not str:
        raise TypeError
    if len(value) <= len("2000-01-01"):
        raise ValueError("a date without a time")
    return datetime.fromisoformat(value)


def _parse_epoch(value: Any, per_second: int) -> datetime:
    if type(value) is str:  # protobuf's JSON writes 64-bit integers as text
        if not (value.isascii() and value.isdigit() and len(value) < 20):
            raise ValueError("not digits")
        value = int(value)
    elif type(value) is not int and type(value) is not float:
        raise TypeError
    if not 0 <= value < _LATEST_EPOCH_S * per_second:
        raise ValueError("out of range")
    return datetime.fromtimestamp(value / per_second, UTC)


def _compile_pattern(time_format: str) -> Parser:
    parts = re.split(r"(%.)", time_format)
    directives = parts[1::2]
    known = set(directives) <= set(_DIRECTIVES) and len(set(directives)) == len(directives)
    if not known or not {"%Y", "%m", "%d"} <= set(directives):
        raise ValueError(
            f"{time_format!r} is none of iso, epoch_s, epoch_ms and a pattern of {_PATTERN_PARTS}"
        )
    match = re.compile("".join(_DIRECTIVES.get(part, re.escape(part)) for part in parts), re.ASCII).fullmatch

    def parse(value: Any) -> datetime:
        found = match(value)
        if found is None:
            raise ValueError("does not match")
        numbers: dict[str, Any] = {unit: int(digits) for unit, digits in found.groupdict().items()}
        return datetime(**numbers)

    return parse
