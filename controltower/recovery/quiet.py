"""Hours, days and windows in somebody's local time. Time zones are data; nothing asks a clock."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from controltower.recovery.limits import QuietHours, Window
from controltower.recovery.state import Case
from controltower.route.timeline import HOUR_MS, from_ms, to_ms

_DEGREES_PER_HOUR = 15.0


@lru_cache(256)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def zone_of(case: Case, quiet: QuietHours, default: str) -> tzinfo:
    """The time zone of the recipient, as well as it is known."""
    named = quiet.zones.get(case.zone or "") or quiet.tenants.get(case.tenant)
    if named is None and case.lon is not None:
        return timezone(timedelta(hours=round(case.lon / _DEGREES_PER_HOUR)))
    return _zone(named or default)


def find_quiet_end_ms(case: Case, quiet: QuietHours, default: str, at_ms: int) -> int | None:
    """When the quiet hours end that `at_ms` lies in; None outside of them."""
    local = from_ms(at_ms).astimezone(zone_of(case, quiet, default))
    now, begins, ends = local.time(), quiet.begins, quiet.ends
    inside = begins <= now < ends if begins < ends else (now >= begins or now < ends)
    if not inside:
        return None
    day = local.date() if now < ends else local.date() + timedelta(days=1)
    end_ms = to_ms(datetime.combine(day, ends, local.tzinfo))
    return end_ms if end_ms > at_ms else end_ms + HOUR_MS  # the hour that a clock turned back repeats


def bucket_of(window: Window, at_ms: int, time_zone: str) -> tuple[str, int | None]:
    """(name, end in ms) of the window that `at_ms` lies in; an open one has no end."""
    if window is Window.OPEN:
        return "open", None
    if window is Window.HOUR:
        hour = at_ms // HOUR_MS
        return f"hour/{hour}", (hour + 1) * HOUR_MS
    zone = _zone(time_zone)
    day = from_ms(at_ms).astimezone(zone).date()
    end = datetime.combine(day + timedelta(days=1), datetime.min.time(), zone)
    return f"day/{day.isoformat()}", to_ms(end)
