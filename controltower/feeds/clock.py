"""The clock of one intake source: up to which received_at it is read, and when it ticks."""

from __future__ import annotations

from typing import Final

from controltower.clock import TICK_EVERY_MS, instant_of
from controltower.feeds.source_clock import SourceClock
from controltower.streaming.stage import Out
from schemas import topics
from schemas.wire import Tick, encode

CLOCK_KEY: Final = b"c/clock"
TICKED_TOPICS: Final = (topics.ROUTE_EVENTS, topics.SHIPMENT_EVENTS, topics.FEED_HEALTH)


def advance(clock: SourceClock, at_ms: int) -> None:
    """A record or a mark of this time was read."""
    if clock.empty:
        clock.empty, clock.at_ms, clock.ticked_ms = False, 0, 0
    if at_ms > clock.at_ms:
        clock.at_ms = at_ms


def wait(clock: SourceClock, wall_ms: int) -> None:
    """Read to the end at this time of the wall."""
    clock.at_ms = max(clock.at_ms, wall_ms)


def due_ms(clock: SourceClock) -> int:
    """When the next tick is owed: at the next full 10 s, as of every source; the first one at once.

    So the least of all sources, which is the clock of whoever hears them, moves once in 10 s by 10 s. At
    times of their own it would move with each of them, and what follows from a move goes to everybody.
    """
    return (clock.ticked_ms // TICK_EVERY_MS + 1) * TICK_EVERY_MS if clock.ticked_ms else 0


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
