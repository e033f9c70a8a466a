"""The clock of one intake source: up to which received_at it is read, and when it ticks."""

from __future__ import annotations

from typing import Final

import msgspec

from controltower.clock import TICK_EVERY_MS, instant_of
from controltower.streaming.stage import Out
from schemas import topics
from schemas.wire import Tick, encode

CLOCK_KEY: Final = b"c/clock"
TICKED_TOPICS: Final = (topics.ROUTE_EVENTS, topics.SHIPMENT_EVENTS, topics.FEED_HEALTH)


class SourceClock(msgspec.Struct, array_like=True, gc=False):
    """Never goes back. `recorded` is True while the source replays a day, whose time is not the wall's.

    `empty` until the first record: till then the time is only the wall's, and the first record starts anew,
    so a worker may run long before somebody replays a day of last winter. `over` once the day that is
    replayed has no more records.
    """

    at_ms: int = 0
    ticked_ms: int = 0
    recorded: bool = False
    empty: bool = True
    over: bool = False

    def advance(self, at_ms: int) -> None:
        """A record or a mark of this time was read."""
        if self.empty:
            self.empty, self.at_ms, self.ticked_ms = False, 0, 0
        if at_ms > self.at_ms:
            self.at_ms = at_ms

    def wait(self, wall_ms: int) -> None:
        """Read to the end at this time of the wall."""
        self.at_ms = max(self.at_ms, wall_ms)

    @property
    def due_ms(self) -> int:
        """When the next tick is owed: at the next full 10 s, as of every source; the first one at once.

        So the least of all sources, which is the clock of whoever hears them, moves once in 10 s by 10 s. At
        times of their own it would move with each of them, and what follows from a move goes to everybody.
        """
        return (self.ticked_ms // TICK_EVERY_MS + 1) * TICK_EVERY_MS if self.ticked_ms else 0


def tick_everyone(clock: SourceClock, source: str, partitions: int) -> list[Out]:
    """One tick into every partition of every log downstream; notes that it was sent."""
    clock.ticked_ms = clock.at_ms
    tick = Tick(
        source=source, sources=partitions, upto=instant_of(clock.at_ms), empty=clock.empty, over=clock.over
    )
    value = encode(tick)
    return [
        Out(topic, None, value, partition=partition)
        for topic in TICKED_TOPICS
        for partition in range(partitions)
    ]
