"""The verdicts about feeds, as they stand in the log of the routes."""

from __future__ import annotations

from typing import Final

import msgspec

from controltower.route.timeline import to_ms
from schemas import wire

VERDICTS_KEY: Final = b"c/feeds"


class Down(msgspec.Struct, array_like=True, frozen=True):
    """A feed that is down: the exception that says so, its last record, and since when it is told."""

    exception_id: str
    since_ms: int
    detected_ms: int


class _Kept(msgspec.Struct, array_like=True):
    sources: int = 0
    upto: dict[str, int] = {}
    down: dict[str, dict[str, Down]] = {}
    discipline: dict[str, float] = {}


class FeedVerdicts:
    """Which feeds are down, as of the least of what all judging partitions have said."""

    def __init__(self) -> None:
        self._kept = _Kept()
        self._changed = False

    def restore(self, value: bytes) -> None:
        """Take the changelog entry VERDICTS_KEY."""
        self._kept = msgspec.msgpack.decode(value, type=_Kept)

    def take_change(self) -> list[tuple[bytes, bytes | None]]:
        """The changelog entry, where something changed since the last call."""
        changed, self._changed = self._changed, False
        return [(VERDICTS_KEY, msgspec.msgpack.encode(self._kept))] if changed else []

    def take(self, judged: wire.FeedsJudged) -> set[str]:
        """Fold one verdict; the feeds that are back."""
        kept, upto_ms = self._kept, to_ms(judged.upto)
        if upto_ms <= kept.upto.get(judged.source, -1):
            return set()
        self._changed = True
        kept.sources, kept.upto[judged.source] = judged.sources, upto_ms
        was = kept.down.get(judged.source, {})
        now = {
            down.feed: Down(down.exception_id, to_ms(down.since), to_ms(down.detected_at))
            for down in judged.down
        }
        kept.down[judged.source] = now
        kept.discipline.update({found.feed: found.score for found in judged.discipline})
        return set(was) - set(now)

    @property
    def judged_ms(self) -> int | None:
        """Up to when all feeds are judged; None while nobody judges."""
        if not self._kept.upto or len(self._kept.upto) < self._kept.sources:
            return None
        return min(self._kept.upto.values())

    def find_down(self, feed: str) -> Down | None:
        """The outage of this feed, if it is down."""
        for down in self._kept.down.values():
            if feed in down:
                return down[feed]
        return None

    def discipline_of(self, feed: str) -> float | None:
        """How far the scans of a feed may be trusted, 0 to 1; None where nobody has said."""
        return self._kept.discipline.get(feed)
