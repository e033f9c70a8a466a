"""The clock of a partition: the least of what its intake sources have been read to."""

from __future__ import annotations

import msgspec

from controltower.route.timeline import to_ms
from schemas import wire

CLOCK_KEY = b"c/clock"


class SourceClocks:
    """Unknown until every source has ticked once; never goes back."""

    def __init__(self) -> None:
        self._upto: dict[str, int] = {}
        self._sources = 0
        self.now_ms: int | None = None

    def restore(self, value: bytes) -> None:
        """Take the changelog entry CLOCK_KEY."""
        self._sources, self._upto = msgspec.json.decode(value, type=tuple[int, dict[str, int]])
        self._recompute()

    def tick(self, tick: wire.Tick) -> int | None:
        """Fold one tick; the new time where the clock moved, else None."""
        upto = to_ms(tick.upto)
        if upto <= self._upto.get(tick.source, -1):
            return None
        self._upto[tick.source], self._sources = upto, tick.sources
        before = self.now_ms
        self._recompute()
        return self.now_ms if self.now_ms != before else None

    def encode(self) -> bytes:
        """Bytes for the changelog."""
        return msgspec.json.encode((self._sources, self._upto))

    def _recompute(self) -> None:
        if len(self._upto) >= self._sources > 0:
            least = min(self._upto.values())
            self.now_ms = least if self.now_ms is None else max(self.now_ms, least)
