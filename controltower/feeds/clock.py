"""The clock of one intake source: up to which received_at it is read, and when it ticks."""

from __future__ import annotations

from typing import Final

import msgspec

from controltower.clock import instant_of
from controltower.streaming.stage import Out
from schemas import topics
from schemas.wire import Tick, encode

TICK_EVERY_MS: Final = 10_000
#: A source without any record takes the wall's time only after so long, because no clock goes back: the
#: streamer of a recorded day must have time to say what day it is.
EMPTY_PATIENCE_MS: Final = 30_000
CLOCK_KEY: Final = b"c/clock"
TICKED_TOPICS: Final = (topics.ROUTE_EVENTS, topics.SHIPMENT_EVENTS, topics.RECOVERY_EVENTS)


class SourceClock(msgspec.Struct, array_like=True, gc=False):
    """Never goes back. `recorded` is True while the source replays a day, whose time is not the wall's."""

    at_ms: int = 0
    ticked_ms: int = 0
    recorded: bool = False

    def advance(self, at_ms: int) -> None:
        self.at_ms = max(self.at_ms, at_ms)

    @property
    def due_ms(self) -> int:
        """When the next tick is owed; the first one is owed at once."""
        return self.ticked_ms + TICK_EVERY_MS if self.ticked_ms else 0


def tick_everyone(clock: SourceClock, source: str, partitions: int) -> list[Out]:
    """One tick into every partition of every log downstream; notes that it was sent."""
    clock.ticked_ms = clock.at_ms
    value = encode(Tick(source=source, sources=partitions, upto=instant_of(clock.at_ms)))
    return [
        Out(topic, None, value, partition=partition)
        for topic in TICKED_TOPICS
        for partition in range(partitions)
    ]
