"""Which lines of a board a request gets: filters, an order that never changes under paging, one page."""

from __future__ import annotations

import base64
import binascii
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from controltower.readmodel.board import ActionLine, ExceptionLine, Line, RouteLine, ShipmentLine

Key = tuple[Any, ...]


def _key_of(line: Line) -> Key:
    """What a page is sorted by: routes by name, exceptions worst and oldest first, actions oldest first,
    shipments soonest promised first."""
    match line:
        case RouteLine():
            return (line.route_id,)
        case ExceptionLine():
            return (line.severity, line.detected_at.timestamp(), line.exception_id)
        case ActionLine():
            return (line.decided_at.timestamp(), line.action_id)
        case ShipmentLine():
            return (line.promised_by.timestamp(), line.shipment_id)


#: Types of the key's parts, by kind of line; a cursor must have the same.
_PARTS: dict[str, Any] = {
    "route": tuple[str],
    "exception": tuple[int, float, str],
    "action": tuple[float, str],
    "shipment": tuple[float, str],
}


class BadCursor(Exception):
    """The cursor of a request was not made by us."""


@dataclass(slots=True, frozen=True)
class Page:
    """One page: how many lines match in all, the lines of this page, and the cursor of the next one."""

    total: int
    items: Sequence[Line]
    next: str | None


def take_page(
    kind: str, lines: Sequence[Line], wanted: dict[str, Any], after: str | None, limit: int
) -> Page:
    """The first `limit` matching lines past the cursor `after`. None in `wanted` filters nothing.

    Raises BadCursor.
    """
    named = {name: value for name, value in wanted.items() if value is not None}
    matching = [line for line in lines if all(getattr(line, name) == value for name, value in named.items())]
    matching.sort(key=_key_of)
    start = 0 if after is None else bisect_right(matching, read_cursor(kind, after), key=_key_of)
    items = matching[start : start + limit]
    more = start + limit < len(matching)
    return Page(len(matching), items, make_cursor(_key_of(items[-1])) if more and items else None)


def make_cursor(key: Key) -> str:
    """Opaque to the caller."""
    return base64.urlsafe_b64encode(msgspec.json.encode(key)).decode().rstrip("=")


def read_cursor(kind: str, cursor: str) -> Key:
    """The sort key in a cursor. Raises BadCursor."""
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        key: Key = msgspec.json.decode(text, type=_PARTS[kind])
    except (binascii.Error, ValueError, msgspec.DecodeError):
        raise BadCursor(cursor) from None
    return key
