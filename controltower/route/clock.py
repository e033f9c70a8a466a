"""The clock of a partition: the least of what its intake sources have been read to."""

from __future__ import annotations

import msgspec

from controltower.route.timeline import to_ms
from schemas import wire

CLOCK_KEY = b"c/clock"


class _Kept(msgspec.Struct, array_like=True):
    sources: int
    upto: dict[str, int]
    empty: list[str]
    over: dict[str, int] = {}


_decode = msgspec.json.Decoder(_Kept).decode


class SourceClocks:
    """Unknown until every source has ticked once and one of them has records; never goes back.

    A source that never had a record ticks the time of the wall, which says nothing about the records that
    may come: its first real tick replaces that, even by an earlier time (a recorded day).

    over_ms: since when a source that plays a recorded day has no more records.
    """

    def __init__(self) -> None:
        self._upto: dict[str, int] = {}
        self._empty: set[str] = set()
        self._sources = 0
        self.over_ms: dict[str, int] = {}
        self.now_ms: int | None = None

    def restore(self, value: bytes) -> None:
        """Take the changelog entry CLOCK_KEY."""
        kept = _decode(value)
        self._sources, self._upto, self._empty = kept.sources, kept.upto, set(kept.empty)
        self.over_ms = kept.over
        self._recompute()

    def tick(self, tick: wire.Tick) -> int | None:
        """Fold one tick; the new time where the clock moved, else None."""
        upto, source = to_ms(tick.upto), tick.source
        first_real = source in self._empty and not tick.empty
        if upto <= self._upto.get(source, -1) and not first_real:
            return None
        self._upto[source], self._sources = upto, tick.sources
        if not tick.over:
            self.over_ms.pop(source, None)
        elif source not in self.over_ms:
            self.over_ms[source] = upto
        if tick.empty:
            self._empty.add(source)
        else:
            self._empty.discard(source)
        before = self.now_ms
        self._recompute()
        return self.now_ms if self.now_ms != before else None

    def encode(self) -> bytes:
        """Bytes for the changelog."""
        return msgspec.json.encode(_Kept(self._sources, self._upto, sorted(self._empty), self.over_ms))

    def _recompute(self) -> None:
        if len(self._upto) >= self._sources > len(self._empty):
            least = min(self._upto.values())
            self.now_ms = least if self.now_ms is None else max(self.now_ms, least)
