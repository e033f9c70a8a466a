"""Times of a payload, compiled once from the mapping's time format to a function that gives UTC."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from controltower.feeds.instant import Instant
from controltower.feeds.paths import Chain
from controltower.feeds.rejection import Rejected
from controltower.feeds.time_patterns import compile_pattern
from controltower.feeds.zones import Zone, ZoneFinder
from schemas.vocabulary import RejectReason

#: Nothing that we track happened before, so an earlier time is a device that lost its clock.
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
#: No device clock and no mistaken time zone is further ahead.
FURTHEST_AHEAD = timedelta(days=2)

_LATEST_EPOCH_S = 10_000_000_000


class NoZone(ValueError):
    """A time without an offset, and no zone to assume."""


#: (value, its event, when we received it, field for the detail) -> Instant; raises Rejected
TimeReader = Callable[[Any, Chain, datetime, str], Instant]
Parser = Callable[[Any], datetime]


def compile_time(formats: Sequence[str], find_zone: ZoneFinder) -> TimeReader:
    """formats, tried in order: iso, epoch_s, epoch_ms, or a pattern such as %d.%m.%Y %H:%M.

    Raises ValueError for an unknown directive.
    """
    parse = _first_of([_compile_parser(time_format) for time_format in formats])
    shown = " or ".join(formats)

    def read_time(value: Any, chain: Chain, received_at: datetime, field: str) -> Instant:
        try:
            at = parse(value)
            if at.tzinfo is UTC:
                instant = Instant(at, None, at)
            else:
                instant = _in_utc(at, find_zone(chain) if at.tzinfo is None else None, received_at)
        except TypeError:
            raise Rejected(RejectReason.WRONG_TYPE, f"{field} has the wrong type for a time") from None
        except NoZone:
            detail = f"{field} has no offset, and nothing says its time zone"
            raise Rejected(RejectReason.BAD_TIME, detail) from None
        except (ValueError, OverflowError):
            raise Rejected(RejectReason.BAD_TIME, f"{field} is no time of the format {shown}") from None
        if instant.at < EARLIEST:
            raise Rejected(RejectReason.BAD_TIME, f"{field} is before the year 2000")
        if instant.at > received_at + FURTHEST_AHEAD:
            raise Rejected(RejectReason.BAD_TIME, f"{field} is more than 2 days after it was received")
        return instant

    return read_time


def _first_of(parsers: list[Parser]) -> Parser:
    if len(parsers) == 1:
        return parsers[0]
    *attempts, last = parsers

    def parse(value: Any) -> datetime:
        for attempt in attempts:
            try:
                return attempt(value)
            except (TypeError, ValueError, OverflowError):
                continue
        return last(value)

    return parse


def _in_utc(at: datetime, zone: Zone | None, received_at: datetime) -> Instant:
    if at.tzinfo is not None:
        return Instant(at.astimezone(UTC), None, at)
    if zone is None:
        raise NoZone
    local = at.replace(tzinfo=zone.info)
    instant = local.astimezone(UTC)
    # The hour that the end of summer time repeats: the later one, unless that has not come yet.
    again = at.replace(tzinfo=zone.info, fold=1)
    if instant < again.astimezone(UTC) <= received_at:
        local, instant = again, again.astimezone(UTC)
    return Instant(instant, zone.assumed, local)


def _compile_parser(time_format: str) -> Parser:
    if time_format == "iso":
        return _parse_iso
    if time_format == "epoch_s":
        return _parse_epoch_s
    if time_format == "epoch_ms":
        return lambda value: _parse_epoch(value, 1000)
    return compile_pattern(time_format)


def _parse_iso(value: Any) -> datetime:
    if type(value) is not str:
        raise TypeError
    if len(value) <= len("2000-01-01"):
        raise ValueError("a date without a time")
    return datetime.fromisoformat(value)


def _parse_epoch_s(value: Any) -> datetime:
    """Whole seconds, as most payloads have them, are made at once."""
    if type(value) is int and 0 <= value < _LATEST_EPOCH_S:
        return datetime.fromtimestamp(value, UTC)
    return _parse_epoch(value, 1)


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
