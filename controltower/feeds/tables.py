"""Code tables: what a carrier says to what it means, by exact value, by pattern, or by regular expression.

A key with `*` is a pattern (`05*`, `*customs*`), a key between slashes a regular expression that has to be
found somewhere; both disregard case. An exact key counts before patterns, patterns count in their order.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TypeVar

_Meaning = TypeVar("_Meaning")
#: Distinct values that a table remembers; more is a carrier that writes free text.
_MOST_REMEMBERED = 2000

#: What a carrier says -> its meaning in a tuple, since a meaning may be null; None where it is not known.
Table = Callable[[str], tuple[_Meaning] | None]


def compile_table(meanings: Mapping[str, _Meaning], *, is_text: bool = False) -> Table[_Meaning]:
    """is_text: exact keys disregard case and runs of spaces too. Raises ValueError for a bad expression."""
    fold = fold_text if is_text else str
    exact = {fold(key): (meaning,) for key, meaning in meanings.items() if not is_pattern(key)}
    patterns = [
        (_compile_key(key).search, (meaning,)) for key, meaning in meanings.items() if is_pattern(key)
    ]
    if not patterns and not is_text:
        return exact.get
    remembered: dict[str, tuple[_Meaning] | None] = {}

    def look_up(said: str) -> tuple[_Meaning] | None:
        if said in remembered:
            return remembered[said]
        found = exact.get(fold(said))
        if found is None:
            found = next((meaning for search, meaning in patterns if search(said)), None)
        if len(remembered) < _MOST_REMEMBERED:
            remembered[said] = found
        return found

    return look_up


def fold_text(text: str) -> str:
    """Lower case, single spaces, no full stop at the end."""
    return " ".join(text.casefold().split()).rstrip(".")


def is_pattern(key: str) -> bool:
    """Whether a key is a pattern or an expression."""
    return "*" in key or (len(key) > 2 and key[0] == key[-1] == "/")


def _compile_key(key: str) -> re.Pattern[str]:
    if key[0] == key[-1] == "/" and len(key) > 2:
        try:
            return re.compile(key[1:-1], re.IGNORECASE)
        except re.error as wrong:
            raise ValueError(f"{key} is no regular expression: {wrong}") from None
    parts = (re.escape(part) for part in key.split("*"))
    return re.compile(rf"\A{'.*'.join(parts)}\Z", re.IGNORECASE | re.DOTALL)
