"""Reading changelog partitions to their end with one bulk consumer."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition

from controltower.streaming.exits import RestartMe
from controltower.streaming.kafka_config import Security, reader_config

REPORT_EVERY_S = 1.0


@dataclass(slots=True, frozen=True)
class Restoring:
    """How far a takeover is: first the changelog is read, then its live entries are given to the folds."""

    records: int
    #: offsets in the changelog: somewhat more than there are records in it
    offsets: int
    entries: int = 0
    live: int = 0

    @property
    def share(self) -> float:
        """0 to 1: reading is told as the first half, restoring as the second."""
        read = min(1.0, self.records / self.offsets) if self.offsets else 1.0
        return (1.0 + self.entries / self.live) / 2 if self.live else read / 2


#: Called about once a second.
Progress = Callable[[Restoring], None]


@dataclass(slots=True)
class Changelog:
    """The live entries of one changelog partition, last value per key."""

    entries: dict[bytes, bytes] = field(default_factory=dict)
    records: int = 0

    def take(self, key: bytes | None, value: bytes | None) -> None:
        self.records += 1
        if key is None:
            return
        if value is None:
            self.entries.pop(key, None)
        else:
            self.entries[key] = value


class ChangelogReader:
    """Reads the partitions of a changelog to their ends, and once more what came since. A context manager.

    Raises RestartMe when nothing arrives for `stall_s`.
    """

    def __init__(
        self,
        brokers: str,
        security: Security,
        group: str,
        topic: str,
        partitions: Iterable[int],
        *,
        stall_s: float,
        progress: Progress,
    ) -> None:
        self.states = {partition: Changelog() for partition in partitions}
        self._topic, self._stall_s, self._progress = topic, stall_s, progress
        self._next = dict.fromkeys(self.states, OFFSET_BEGINNING)
        self._offsets: int | None = None
        self._consumer = Consumer(reader_config(brokers, security, group))

    def __enter__(self) -> ChangelogReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()

    def read(self) -> dict[int, Changelog]:
        """All live entries up to the last stable offsets of now."""
        places = [TopicPartition(self._topic, number, offset) for number, offset in self._next.items()]
        if not places:
            return self.states
        self._consumer.assign(places)
        if self._offsets is None:
            self._offsets = self._count_offsets(places)
        self._read_to_ends(self._offsets)
        for place in self._consumer.position(places):
            if place.offset >= 0:
                self._next[place.partition] = place.offset
        return self.states

    def _count_offsets(self, places: Iterable[TopicPartition]) -> int:
        bounds = [self._consumer.get_watermark_offsets(place, timeout=self._stall_s) for place in places]
        return sum(high - low for low, high in bounds)

    def _read_to_ends(self, offsets: int) -> None:
        unfinished = set(self.states)
        moved = reported = time.monotonic()
        while unfinished:
            messages = self._consumer.consume(10_000, 0.02)
            now = time.monotonic()
            if messages:
                moved = now
            for message in messages:
                if message.error() is None:
                    self.states[message.partition()].take(message.key(), message.value())
                elif message.error().code() == KafkaError._PARTITION_EOF:
                    unfinished.discard(message.partition())
                elif not message.error().retriable():
                    raise RestartMe(f"reading the changelog failed: {message.error().str()}")
            if now - moved > self._stall_s:
                silent = f"the changelog partitions {sorted(unfinished)} were not answered"
                raise RestartMe(f"{silent} for {self._stall_s:.0f} s")
            if now - reported > REPORT_EVERY_S:
                reported = now
                self._progress(Restoring(sum(state.records for state in self.states.values()), offsets))
