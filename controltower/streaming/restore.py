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


def read_changelog(
    brokers: str,
    security: Security,
    group: str,
    topic: str,
    partitions: Iterable[int],
    *,
    stall_s: float,
    progress: Progress,
) -> dict[int, Changelog]:
    """All live entries of the partitions; raises RestartMe when nothing arrives for `stall_s`."""
    states = {partition: Changelog() for partition in partitions}
    if not states:
        return states
    consumer = Consumer(reader_config(brokers, security, group))
    try:
        consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in states])
        offsets = _count_offsets(consumer, topic, states, stall_s)
        _read_to_ends(consumer, states, stall_s, lambda records: progress(Restoring(records, offsets)))
    finally:
        consumer.close()
    return states


def _count_offsets(consumer: Consumer, topic: str, partitions: Iterable[int], timeout_s: float) -> int:
    places = [TopicPartition(topic, number) for number in partitions]
    bounds = [consumer.get_watermark_offsets(place, timeout=timeout_s) for place in places]
    return sum(high - low for low, high in bounds)


def _read_to_ends(
    consumer: Consumer, states: dict[int, Changelog], stall_s: float, progress: Callable[[int], None]
) -> None:
    unfinished = set(states)
    moved = reported = time.monotonic()
    while unfinished:
        messages = consumer.consume(10_000, 0.02)
        now = time.monotonic()
        if messages:
            moved = now
        for message in messages:
            if message.error() is None:
                states[message.partition()].take(message.key(), message.value())
            elif message.error().code() == KafkaError._PARTITION_EOF:
                unfinished.discard(message.partition())
            elif not message.error().retriable():
                raise RestartMe(f"reading the changelog failed: {message.error().str()}")
        if now - moved > stall_s:
            raise RestartMe(
                f"the changelog partitions {sorted(unfinished)} were not answered for {stall_s:.0f} s"
            )
        if now - reported > REPORT_EVERY_S:
            reported = now
            progress(sum(state.records for state in states.values()))
