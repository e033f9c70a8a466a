"""Times of a service day: seconds after "noon minus 12 h", which is midnight unless clocks change then."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

_CLOCK = re.compile(r"(\d{1,3}):([0-5]\d):([0-5]\d)")
#: A trip may run past the end of its service day, but not for a week.
_LATEST_S = 7 * 86_400


def parse_seconds(text: str) -> float:
    """Seconds after the start of the service day from `HH:MM:SS` (24 h and more allowed) or plain seconds.

    Raises ValueError with the reason.
    """
    match = _CLOCK.fullmatch(text)
    if match:
        hours, minutes, seconds = (int(group) for group in match.groups())
        seconds_s = float(hours * 3600 + minutes * 60 + seconds)
    else:
        try:
            seconds_s = float(text)
        except ValueError:
            raise ValueError(f"is neither HH:MM:SS nor seconds: {text[:40]!r}") from None
    if not 0 <= seconds_s <= _LATEST_S:
        raise ValueError(f"is outside a service day: {text[:40]!r}")
    return seconds_s


def parse_service_day(text: str) -> date:
    """A date written `YYYYMMDD` (or `YYYY-MM-DD`, as people type it). Raises ValueError with the reason."""
    plain = text.replace("-", "")
    if len(plain) != 8 or not plain.isascii() or not plain.isdigit():
        raise ValueError(f"is no date like 20260216: {text[:40]!r}")
    try:
        return date(int(plain[:4]), int(plain[4:6]), int(plain[6:]))
    except ValueError:
        raise ValueError(f"is no date of the calendar: {text[:40]!r}") from None


def start_of_service_day(day: date, zone: ZoneInfo) -> datetime:
    """The instant (UTC) that the times of `day` count from: local noon minus 12 h.

    https://gtfs.org/documentation/schedule/reference/#field-types, Time
    """
    return datetime.combine(day, time(12), zone).astimezone(UTC) - timedelta(hours=12)
