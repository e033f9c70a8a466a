"""The verdicts about feeds, as they stand in the log of the routes."""

from __future__ import annotations

from typing import Final

import msgspec

from controltower.route.timeline import to_ms
from controltower.route.waiting import WaitingRoutes
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
    #: the last outage of a feed that is back, and since when it is
    over: dict[str, tuple[Down, int]] = {}
    #: routes whose silence waits for a verdict, and routes whose silence is held back, with their feed
    waiting: list[str] = []
    held_back: dict[str, str] = {}


class FeedVerdicts(WaitingRoutes):
    """Which feeds are down, as of the least of what all judging partitions have said; routes wait whose
    silence is due."""

    def __init__(self) -> None:
        super().__init__()
        self._kept = _Kept()

    def restore(self, value: bytes) -> None:
        """Take the changelog entry VERDICTS_KEY."""
        self._kept = msgspec.msgpack.decode(value, type=_Kept)
        self._restore_waiting(self._kept.waiting)

    def take_change(self) -> list[tuple[bytes, bytes | None]]:
        """The changelog entry, where something changed since the last call."""
        if not self._take_changed():
            return []
        self._kept.waiting = self.waiting()
        return [(VERDICTS_KEY, msgspec.msgpack.encode(self._kept))]

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
        back = set(was) - set(now)
        kept.over.update({feed: (was[feed], upto_ms) for feed in back})
        return back

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

    def find_down_at(self, feed: str, at_ms: int) -> Down | None:
        """The outage of this feed at that time: the one that lasts, or the last one that is over."""
        down = self.find_down(feed)
        if down is not None and down.since_ms <= at_ms:
            return down
        last, back_ms = self._kept.over.get(feed, (None, 0))
        return last if last is not None and last.since_ms <= at_ms <= back_ms else None

    def hold_back(self, route_id: str, feed: str) -> None:
        """A silence of this route is held back by the outage of this feed."""
        self._changed = True
        self._kept.held_back[route_id] = feed

    def take_held_back(self, feeds: set[str]) -> list[str]:
        """The routes that were held back by these feeds, and are no more."""
        if not feeds:
            return []
        routes = [route_id for route_id, feed in self._kept.held_back.items() if feed in feeds]
        self._kept.held_back = {r: f for r, f in self._kept.held_back.items() if f not in feeds}
        return routes

    def discipline_of(self, feed: str) -> float | None:
        """How far the scans of a feed may be trusted, 0 to 1; None where nobody has said."""
        return self._kept.discipline.get(feed)
