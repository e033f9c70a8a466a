"""Topics of a broker read from their beginnings, without joining a group and without leaving a trace."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient

from controltower.clock import epoch_ms_of
from controltower.streaming.kafka_config import client_config, reader_config
from controltower.streaming.stage import Record
from schemas.topics import ROUTE_EVENTS
from schemas.wire import Tick, decode_route_event

STALL_S = 30.0
#: The client writes a line per failed connection otherwise; what matters reaches the caller as an error.
SILENT = {"log_level": 0}
_BATCH = 5000
#: What a broker answers for a topic whose partitions have no leader known to all yet.
_NOT_YET = (
    KafkaError._UNKNOWN_PARTITION,
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
)
_NEW_TOPIC_S = 10.0
#: Among so many records of route-events there is a tick: one comes every 10 s from each source.
_LAST = 2000


class BrokerError(Exception):
    """The broker can't be read; the message is one line."""


def find_partitions(brokers: str, security: Mapping[str, str], timeout_s: float = 10.0) -> dict[str, int]:
    """Topics that exist with their partition counts. Raises BrokerError."""
    try:
        listed = AdminClient({**client_config(brokers, security), **SILENT}).list_topics(timeout=timeout_s)
    except KafkaException as failed:
        raise BrokerError(f"Kafka at {brokers} does not answer: {failed.args[0].str()}") from failed
    return {name: len(topic.partitions) for name, topic in listed.topics.items() if topic.error is None}


def find_topic_ids(brokers: str, security: Mapping[str, str], topics: Iterable[str]) -> dict[str, str | None]:
    """The id of each topic; None where the broker has none (the embedded one)."""
    names = list(topics)
    admin = AdminClient({**client_config(brokers, security), **SILENT})
    ids: dict[str, str | None] = dict.fromkeys(names)
    try:
        for name, future in admin.describe_topics(TopicCollection(names), request_timeout=10).items():
            ids[name] = str(future.result().topic_id)
    except KafkaException:
        return dict.fromkeys(names)
    return ids


class TopicTail:
    """Reads committed records of whole topics, up to their ends as often as asked.

    patience_ms: how long a fetch waits at the broker where nothing is new; None: as all readers of ours.
    """

    def __init__(
        self,
        brokers: str,
        security: Mapping[str, str],
        topics: Iterable[str],
        partitions: int,
        patience_ms: int | None = None,
    ) -> None:
        config = {**reader_config(brokers, security, "controltower-reader"), **SILENT}
        if patience_ms is not None:
            config["fetch.wait.max.ms"] = patience_ms
        self._consumer = Consumer(config)
        self._places = [(topic, partition) for topic in topics for partition in range(partitions)]
        #: first offset not read, per (topic, partition); before the first read where the log begins
        self.next_offsets = {place: self._bounds(place)[0] for place in self._places}
        self.first_offsets = dict(self.next_offsets)
        self._consumer.assign(
            [TopicPartition(topic, partition, OFFSET_BEGINNING) for topic, partition in self._places]
        )

    def close(self) -> None:
        self._consumer.close()

    def ends(self) -> dict[tuple[str, int], int]:
        """The offset that the next record of each partition will have at least."""
        return {place: self._bounds(place)[1] for place in self._places}

    def records_ahead(self) -> int:
        """Offsets still to read, control records included: good for progress only."""
        ends = self.ends()
        return sum(max(0, ends[place] - self.next_offsets[place]) for place in self._places)

    def catch_up(self) -> Iterator[Record]:
        """Every record up to where each partition ends now; an open transaction is waited for.

        Raises BrokerError.
        """
        ends = self.ends()
        moved_at = time.monotonic()
        while any(self.next_offsets[place] < end for place, end in ends.items()):
            messages = self._consumer.consume(_BATCH, 0.1)
            if messages:
                moved_at = time.monotonic()
            yield from self._take(messages)
            if time.monotonic() - moved_at > STALL_S:
                raise BrokerError(f"the broker sent nothing for {STALL_S:.0f} s, but there is more to read")

    def read_on(self, wait_s: float) -> Iterator[Record]:
        """What is there, or else comes within the time. Asks nobody for the ends. Raises BrokerError."""
        yield from self._take(self._consumer.consume(_BATCH, wait_s))

    def _take(self, messages: Iterable[Any]) -> Iterator[Record]:
        for message in messages:
            place = (message.topic(), message.partition())
            if message.error() is not None:
                self._take_error(message, place)
            else:
                self.next_offsets[place] = message.offset() + 1
                yield _record(message)

    def _take_error(self, message: Any, place: tuple[str, int]) -> None:
        """At the end of a partition the broker's offset counts: control records are no records for us."""
        error = message.error()
        if error.code() == KafkaError._PARTITION_EOF:
            self.next_offsets[place] = max(self.next_offsets[place], message.offset())
        elif not error.retriable():
            raise BrokerError(f"{_name(place)} cannot be read: {error.str()}")

    def _bounds(self, place: tuple[str, int]) -> tuple[int, int]:
        return find_bounds(self._consumer, place)


def find_bounds(consumer: Consumer, place: tuple[str, int]) -> tuple[int, int]:
    """First offset and end; a topic that was made just now is waited for."""
    deadline = time.monotonic() + _NEW_TOPIC_S
    while True:
        try:
            low, high = consumer.get_watermark_offsets(TopicPartition(*place), timeout=STALL_S)
        except KafkaException as failed:
            error: KafkaError = failed.args[0]
            if error.code() not in _NOT_YET or time.monotonic() > deadline:
                raise BrokerError(f"{_name(place)} cannot be read: {error.str()}") from failed
            time.sleep(0.1)
        else:
            return low, high


def _record(message: Any) -> Record:
    return Record(
        message.topic(),
        message.partition(),
        message.offset(),
        message.timestamp()[1],
        message.key(),
        message.value(),
        tuple((name, value or b"") for name, value in message.headers() or ()),
    )


def _name(place: tuple[str, int]) -> str:
    return f"{place[0]}/{place[1]}"


def find_clock_ms(brokers: str, security: Mapping[str, str]) -> int | None:
    """The latest tick among the last records of route-events, or None where no source ever had a record."""
    consumer = Consumer({**reader_config(brokers, security, "controltower-reader"), **SILENT})
    try:
        low, high = find_bounds(consumer, (ROUTE_EVENTS, 0))
        consumer.assign([TopicPartition(ROUTE_EVENTS, 0, max(low, high - _LAST))])
        ticks: list[int] = []
        deadline = time.monotonic() + STALL_S
        while time.monotonic() < deadline:
            for message in consumer.consume(_LAST, 0.2):
                if message.error() is not None:
                    return max(ticks, default=None)
                ticks += _tick_ms(message.value())
        return max(ticks, default=None)
    finally:
        consumer.close()


def _tick_ms(value: bytes | None) -> list[int]:
    event = decode_route_event(value) if value else None
    return [epoch_ms_of(event.upto)] if isinstance(event, Tick) and not event.empty else []
