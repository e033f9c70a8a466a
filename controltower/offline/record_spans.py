"""Where the committed records of each partition end; the broker's own end counts markers, read by nobody."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Final

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from controltower.offline.broker import SILENT, STALL_S, BrokerError, find_bounds
from controltower.streaming.kafka_config import reader_config

#: Behind the last record there is a marker or two, seldom more; ten times as far where there are more.
_FIRST_LOOK: Final = 50

Place = tuple[str, int]
Span = tuple[int, int]


def find_record_spans(
    brokers: str, security: Mapping[str, str], topics: Iterable[str], partitions: int
) -> dict[Place, Span]:
    """(topic, partition) -> the first offset and the one behind the last committed record, equal if none.

    Raises BrokerError.
    """
    consumer = Consumer({**reader_config(brokers, security, "controltower-reader"), **SILENT})
    try:
        places = [(topic, partition) for topic in topics for partition in range(partitions)]
        bounds = {place: find_bounds(consumer, place) for place in places}
        found = {place: (low, low) for place, (low, high) in bounds.items() if low == high}
        look = _FIRST_LOOK
        while unknown := bounds.keys() - found.keys():
            tails = {
                place: (max(bounds[place][0], bounds[place][1] - look), bounds[place][1]) for place in unknown
            }
            for place, end in _Tails(tails).read(consumer).items():
                low, start = bounds[place][0], tails[place][0]
                if end > start or start == low:
                    found[place] = (low, end)
            look *= 10
        return found
    finally:
        consumer.close()


class _Tails:
    """The last offsets of some partitions, read once. tails: place -> (from, up to)."""

    def __init__(self, tails: Mapping[Place, Span]) -> None:
        self._ends = {place: start for place, (start, _) in tails.items()}
        self._unread = {place: high for place, (_, high) in tails.items()}

    def read(self, consumer: Consumer) -> dict[Place, int]:
        """Place -> the offset behind its last record, or where the tail starts if it has none."""
        consumer.assign([TopicPartition(*place, start) for place, start in self._ends.items()])
        heard_at = time.monotonic()
        while self._unread:
            messages = consumer.consume(1000, 0.2)
            if messages:
                heard_at = time.monotonic()
            elif time.monotonic() - heard_at > STALL_S:
                raise BrokerError(f"the broker sent nothing for {STALL_S:.0f} s, but there is more to read")
            for message in messages:
                self._take(message)
        return self._ends

    def _take(self, message: Message) -> None:
        place, error = (str(message.topic()), message.partition() or 0), message.error()
        if error is None:
            self._ends[place] = (message.offset() or 0) + 1
            if self._ends[place] >= self._unread.get(place, 0):
                self._unread.pop(place, None)
        elif error.code() == KafkaError._PARTITION_EOF:
            self._unread.pop(place, None)
        elif not error.retriable():
            raise BrokerError(f"{place[0]}/{place[1]} cannot be read: {error.str()}")
