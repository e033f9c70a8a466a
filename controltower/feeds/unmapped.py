"""Codes that no mapping knows yet: how often each came, since when, and with which words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from schemas.wire import Scan

UNMAPPED_KEY: Final = b"u/"
#: Codes that are kept apart per feed and partition; a carrier that sends more sends no codes.
MOST_CODES: Final = 100
#: What counts the rest.
OTHER_CODE: Final = "other"
_LONGEST_CODE: Final = 60


class UnknownCode(msgspec.Struct, array_like=True):
    """One code; times in epoch ms, `text` as it came first, without names of people."""

    events: int
    first_ms: int
    last_ms: int
    text: str | None = None


class UnmappedCodes:
    """The unknown codes of one partition, per feed."""

    def __init__(self) -> None:
        self._feeds: dict[str, dict[str, UnknownCode]] = {}
        self._changed: set[str] = set()

    def restore(self, feed: str, value: bytes) -> None:
        """Take the changelog entry of a feed."""
        self._feeds[feed] = decode_codes(value)

    def count(self, feed: str, scan: Scan, received_ms: int) -> str:
        """Count an unmapped scan; the code under which it is counted."""
        codes = self._feeds.setdefault(feed, {})
        code = show_code(scan)
        if code not in codes and len(codes) >= MOST_CODES:
            code = OTHER_CODE
        found = codes.setdefault(code, UnknownCode(0, received_ms, received_ms, scan.raw_text))
        found.events += 1
        found.last_ms = max(found.last_ms, received_ms)
        self._changed.add(feed)
        return code

    def forget(self, feed: str, is_known: Callable[[str], bool]) -> None:
        """A new mapping: drop the codes that it knows."""
        codes = self._feeds.get(feed, {})
        left = {code: found for code, found in codes.items() if not is_known(code)}
        if len(left) != len(codes):
            self._feeds[feed] = left
            self._changed.add(feed)

    def take_changes(self) -> list[tuple[bytes, bytes | None]]:
        """Changelog entries since the last call."""
        feeds, self._changed = sorted(self._changed), set()
        entries = [(feed, self._feeds[feed]) for feed in feeds]
        return [
            (UNMAPPED_KEY + feed.encode(), msgspec.msgpack.encode(codes) if codes else None)
            for feed, codes in entries
        ]


def show_code(scan: Scan) -> str:
    """What an unknown code is counted under: the code, else the carrier's words."""
    return (scan.raw_code or scan.raw_text or OTHER_CODE)[:_LONGEST_CODE]


def decode_codes(value: bytes) -> dict[str, UnknownCode]:
    """The changelog entry of one feed."""
    return msgspec.msgpack.decode(value, type=dict[str, UnknownCode])
