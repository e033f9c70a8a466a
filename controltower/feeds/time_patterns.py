"""Patterns of times, as strptime has them, compiled once to a function that gives a datetime."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Any

from controltower.feeds.zones import read_zone

_DIRECTIVES = {
    "%Y": r"(?P<Y>\d{4})",
    "%y": r"(?P<y>\d{2})",
    "%m": r"(?P<m>\d{1,2})",
    "%b": r"(?P<b>[A-Za-z\u00c0-\u017f]{3,12})\.?",
    "%d": r"(?P<d>\d{1,2})",
    "%H": r"(?P<H>\d{1,2})",
    "%I": r"(?P<I>\d{1,2})",
    "%M": r"(?P<M>\d{1,2})",
    "%S": r"(?P<S>\d{1,2})",
    "%f": r"(?P<f>\d{1,9})",
    "%p": r"(?P<p>[AaPp]\.?\s?[Mm]\.?)",
    "%z": r"(?P<z>[Zz]|[+-]\d{1,2}(?::?\d{2})?)",
    "%Z": r"(?P<Z>[A-Za-z/_+-]{1,40}(?:[+-]?\d{1,2}:?\d{2})?)",
    "%a": r"[A-Za-z\u00c0-\u017f-]{2,14}\.?",
}
#: Beginnings of the names of months without accents, in English, German, French, Spanish, Italian, Dutch and
#: Portuguese; no beginning means different months in two of them.
_MONTHS: dict[str, int] = {
    begin: month
    for month, begins in enumerate(
        (
            "jan ene gen",
            "feb fev",
            "mar mrt maa mae",
            "apr abr avr",
            "may mai mei mag",
            "jun juin giu",
            "jul juil lug",
            "aug ago aou",
            "sep set",
            "oct okt ott out",
            "nov",
            "dec dez dic",
        ),
        start=1,
    )
    for begin in begins.split()
}
_PATTERN_PARTS = " ".join(_DIRECTIVES)


def compile_pattern(time_format: str) -> Callable[[Any], datetime]:
    """A parser for a pattern; months by their names in seven languages. Its result may have no offset.

    Raises ValueError for a pattern that is none, or that leaves out day, month or year.
    """
    written = time_format.replace("%B", "%b").replace("%A", "%a").replace("%T", "%H:%M:%S")
    parts = re.split(r"(%.)", written)
    directives = parts[1::2]
    known = set(directives) <= set(_DIRECTIVES) and len(set(directives)) == len(directives)
    dated = {"%d"} <= set(directives) and {"%Y", "%y"} & set(directives) and {"%m", "%b"} & set(directives)
    if not known or not dated:
        raise ValueError(
            f"{time_format!r} is none of iso, epoch_s, epoch_ms and a pattern of {_PATTERN_PARTS}"
        )
    match = re.compile(_regex(parts), re.ASCII).fullmatch

    def parse(value: Any) -> datetime:
        found = match(str(value) if type(value) is int else value)
        if found is None:
            raise ValueError("does not match")
        return _build(found.groupdict())

    return parse


def _regex(parts: list[str]) -> str:
    """Numbers that touch each other have their full width; a run of spaces is any run of spaces."""
    texts = []
    for index, part in enumerate(parts):
        if index % 2 == 0:
            texts.append(re.sub(r"(?:\\?\s)+", r"\\s+", re.escape(part)))
            continue
        touches = (index + 2 < len(parts) and not parts[index + 1]) or (index > 1 and not parts[index - 1])
        texts.append(_DIRECTIVES[part].replace(r"\d{1,2})", r"\d{2})") if touches else _DIRECTIVES[part])
    return "".join(texts)


def _build(found: dict[str, str | None]) -> datetime:
    def number(name: str) -> int:
        return int(found.get(name) or 0)

    month_name = found.get("b")
    at = datetime(
        number("Y") or 2000 + number("y"),
        _month(month_name) if month_name else number("m"),
        number("d"),
        _hour(number("H"), number("I"), found.get("p")),
        number("M"),
        number("S"),
        int((found.get("f") or "0").ljust(6, "0")[:6]),
    )
    written = found.get("z") or found.get("Z")
    if not written:
        return at
    zone = read_zone(written.upper() if "/" not in written else written)
    if zone is None:
        raise ValueError("an unknown zone")
    return at.replace(tzinfo=zone.info)


@lru_cache(maxsize=256)
def _month(name: str) -> int:
    """By the first four letters (juin, juil.) or three, whatever their accents."""
    plain = unicodedata.normalize("NFD", name.casefold()).encode("ascii", "ignore").decode()
    month = _MONTHS.get(plain[:4]) or _MONTHS.get(plain[:3])
    if month is None:
        raise ValueError("an unknown month")
    return month


def _hour(hour: int, half_day_hour: int, half: str | None) -> int:
    """12 AM is midnight, 12 PM noon. Some carriers write 13:30 PM, where the half says nothing new."""
    shown = half_day_hour or hour
    if half is None or shown > 12:
        return shown
    afternoon = half[0] in "pP"
    return shown % 12 + (12 if afternoon else 0)
