"""Which format the times of a sample have."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from itertools import product
from typing import Any

from controltower.feeds.time_patterns import compile_pattern

_DATES = (
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%d.%m.%Y",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%Y%m%d",
    "%d.%m.%y",
    "%d/%m/%y",
    "%m/%d/%y",
    "%d %b %Y",
    "%d. %b %Y",
    "%b %d, %Y",
    "%d-%b-%Y",
    "%a, %d %b %Y",
    "%a %d %b %Y",
)
TIMES_OF_DAY = (
    "%H:%M:%S",
    "%H:%M",
    "%I:%M:%S %p",
    "%I:%M %p",
    "%I:%M%p",
    "%H%M%S",
    "%H%M",
    "%H.%M",
    "%H:%M:%S.%f",
)
_BETWEEN = (" ", "T", ", ", "")
_OFFSETS = ("", "%z", " %z", " %Z")


@lru_cache(maxsize=8192)
def _parser(pattern: str) -> Callable[[Any], datetime]:
    return compile_pattern(pattern)


@lru_cache(maxsize=1)
def _patterns() -> tuple[str, ...]:
    """Dates alone last, since they say less."""
    whole = [f"{d}{b}{t}{o}" for d, b, t, o in product(_DATES, _BETWEEN, TIMES_OF_DAY, _OFFSETS)]
    return (*whole, *_DATES)


def find_format(values: Iterable[Any]) -> str | None:
    """The first format that all values have, or None."""
    written = [value for value in values if value not in (None, "")]
    if not written:
        return None
    for name, fits in (("epoch_s", _is_epoch_s), ("epoch_ms", _is_epoch_ms), ("iso", _is_iso)):
        if all(fits(value) for value in written):
            return name
    texts = [str(value) for value in written]
    if not all(8 <= len(text) <= 40 and len(re.findall(r"\d", text)) >= 5 for text in texts):
        return None
    return next((pattern for pattern in _patterns() if fits_all(pattern, texts)), None)


def is_ambiguous(time_format: str, values: Sequence[Any]) -> bool:
    """Whether day and month could be the other way round."""
    other = time_format.translate(str.maketrans("dm", "md"))
    is_clear = "%b" in time_format or "%d." in time_format or time_format.startswith("%Y")
    return not is_clear and fits_all(other, [str(value) for value in values])


def fits_all(pattern: str, texts: Sequence[str]) -> bool:
    """Whether every text is a time of this century in the pattern."""
    try:
        parse = _parser(pattern)
        return all(2000 <= parse(text).year < 2100 for text in texts)
    except ValueError:
        return False


def _is_epoch_s(value: Any) -> bool:
    number = _as_number(value)
    return number is not None and 1e9 < number < 4e9


def _is_epoch_ms(value: Any) -> bool:
    number = _as_number(value)
    return number is not None and 1e12 < number < 4e12


def _as_number(value: Any) -> float | None:
    if isinstance(value, str):
        return int(value) if value.isascii() and value.isdigit() and len(value) in (10, 13) else None
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _is_iso(value: Any) -> bool:
    if not isinstance(value, str) or len(value) < len("2026-03-02T08:15") or not value[:4].isdigit():
        return False
    try:
        return 2000 <= datetime.fromisoformat(value).year < 2100
    except ValueError:
        return False


def has_offset(time_format: str, values: Iterable[Any]) -> bool:
    """Whether every value says its own offset."""
    if time_format.startswith("epoch") or "%z" in time_format.lower():
        return True
    return all(re.search(r":\d{2}(\.\d+)?(Z|[+-]\d{2}(:?\d{2})?)$", str(value)) for value in values)


def date_alone(values: Sequence[str]) -> str | None:
    """The format of dates without a time of day."""
    return next((pattern for pattern in _DATES if fits_all(pattern, values)), None)


def time_of_day(value: str) -> str | None:
    """The format of a time without a date."""
    if not re.match(r"\d", value):
        return None
    return next(
        (pattern for pattern in TIMES_OF_DAY if fits_all(f"%Y%m%d {pattern}", [f"20260302 {value}"])), None
    )
