"""Plain producing and reading for tools: the streamer, the recorder, the judge."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Producer, TopicPartition

from controltower.streaming.exits import RestartMe
from controltower.streaming.kafka_config import producer_config, reader_config
from controltower.streaming.stage import Out, Record
from controltower.streaming.writer import LARGEST_RECORD_BYTES

Security = Mapping[str, str]
CALL_S = 30.0
_ELECTION_S = 0.2
_ELECTING = (KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE)
REPORT_EVERY_S = 0.5


def produce_all(
    brokers: str,
    outs: Iterable[Out],
    *,
    security: Security | None = None,
    progress: Callable[[int], None] | None = None,
    in_flight: int = 50_000,
) -> int:
    """Produce every record (acks=all, idempotent) and return how many the broker has confirmed.

    At most `in_flight` records wait for their confirmation. Raises RestartMe when one is refused.
    """
    config = {**producer_config(brokers, security or {}), "message.max.bytes": LARGEST_RECORD_BYTES}
    producer = Producer(config)
    tally = _Tally()
    reported = time.monotonic()
    for out in outs:
        while len(producer) >= in_flight:
            producer.poll(0.05)
        producer.produce(out.topic, **_record(out), on_delivery=tally.delivered)
        producer.poll(0)
        tally.check()
        if progress is not None and time.monotonic() - reported > REPORT_EVERY_S:
            reported = time.monotonic()
            progress(tally.confirmed)
    if producer.flush(CALL_S):
        raise RestartMe(f"Kafka at {brokers} did not confirm all records within {CALL_S:.0f} s")
    tally.check()
    if progress is not None:
        progress(tally.confirmed)
    return tally.confirmed


class _Tally:
    def __init__(self) -> None:
        self.confirmed = 0
        self._error: KafkaError | None = None

    def delivered(self, error: KafkaError | None, _message: Any) -> None:
        if error is None:
            self.confirmed += 1
        else:
            self._error = error

    def check(self) -> None:
        if self._error is not None:
            raise RestartMe(f"Kafka refused a record: {self._error.str()}")


def _record(out: Out) -> dict[str, Any]:
    record: dict[str, Any] = {"key": out.key, "value": out.value, "headers": list(out.headers)}
    if out.partition is not None:
        record["partition"] = out.partition
    return record


def read_topic(
    brokers: str,
    topics: Sequence[str],
    *,
    security: Security | None = None,
    stall_s: float = 30.0,
    since_ms: int | None = None,
    expect: Callable[[int], None] | None = None,
) -> Iterator[Record]:
    """Every committed record from the beginning, or from `since_ms` on, to the ends as they are now.

    Per partition in order of offsets; partitions interleave. `expect` is told how many offsets there are to
    read, control records included. Raises RestartMe after `stall_s` of nothing.
    """
    consumer = _reader(brokers, security)
    try:
        bounds = _bounds(consumer, topics)
        if since_ms is not None:
            bounds = _since(consumer, bounds, since_ms)
        unread = {where: end for where, (start, end) in bounds.items() if start < end}
        if expect is not None:
            expect(sum(end - start for start, end in bounds.values()))
        starts = {w: OFFSET_BEGINNING if since_ms is None else bounds[w][0] for w in unread}
        consumer.assign([TopicPartition(t, p, start) for (t, p), start in starts.items()])
        heard = time.monotonic()
        while unread:
            messages = consumer.consume(5_000, 0.1)
            if messages:
                heard = time.monotonic()
            elif time.monotonic() - heard > stall_s:
                raise RestartMe(f"nothing more of {sorted(unread)} came for {stall_s:.0f} s")
            yield from _until_ends(messages, unread)
    finally:
        consumer.close()


def _until_ends(messages: Sequence[Any], unread: dict[tuple[str, int], int]) -> Iterator[Record]:
    """Records below the ends; partitions read to theirs are removed from `unread`."""
    for message in messages:
        where = (message.topic(), message.partition())
        if message.error() is not None and message.error().code() != KafkaError._PARTITION_EOF:
            raise RestartMe(f"reading {where[0]} failed: {message.error().str()}")
        if where not in unread:
            continue
        if message.error() is not None or message.offset() >= unread[where]:
            del unread[where]
            continue
        yield _to_record(message)
        if message.offset() + 1 >= unread[where]:
            del unread[where]


def tail_topics(
    brokers: str,
    topics: Sequence[str],
    stop: Callable[[], bool],
    *,
    security: Security | None = None,
    poll_s: float = 0.2,
    since_ms: int | None = None,
) -> Iterator[Record]:
    """Every committed record from the beginning (or `since_ms`) on, and what comes, until stop() says so."""
    consumer = _reader(brokers, security)
    try:
        everything = _bounds(consumer, topics)
        starts = dict.fromkeys(everything, OFFSET_BEGINNING)
        if since_ms is not None:
            starts = {where: start for where, (start, _) in _since(consumer, everything, since_ms).items()}
        consumer.assign([TopicPartition(t, p, start) for (t, p), start in starts.items()])
        while not stop():
            for message in consumer.consume(5_000, poll_s):
                if message.error() is None:
                    yield _to_record(message)
    finally:
        consumer.close()


def _reader(brokers: str, security: Security | None) -> Consumer:
    """In a group nobody joins: the client library wants a name."""
    return Consumer(reader_config(brokers, security or {}, f"reader-{uuid.uuid4().hex[:8]}"))


_Bounds = dict[tuple[str, int], tuple[int, int]]


def _bounds(consumer: Consumer, topics: Sequence[str]) -> _Bounds:
    """First offset and end of every partition; waits while a broker that just started elects its leaders."""
    deadline = time.monotonic() + CALL_S
    while True:
        try:
            return _ask_bounds(consumer, topics)
        except KafkaException as failed:
            if failed.args[0].code() not in _ELECTING or time.monotonic() > deadline:
                raise RestartMe(f"Kafka does not answer: {failed.args[0].str()}") from failed
        time.sleep(_ELECTION_S)


def _ask_bounds(consumer: Consumer, topics: Sequence[str]) -> _Bounds:
    bounds = {}
    for name in topics:
        topic = consumer.list_topics(name, timeout=CALL_S).topics[name]
        if topic.error is not None:
            raise RestartMe(f"topic {name} cannot be read: {topic.error.str()}")
        for partition in topic.partitions:
            where = TopicPartition(name, partition)
            bounds[name, partition] = consumer.get_watermark_offsets(where, timeout=CALL_S)
    return bounds


def _since(consumer: Consumer, bounds: _Bounds, at_ms: int) -> _Bounds:
    """The same ends, begun at the first record of this time or later."""
    wanted = [TopicPartition(topic, partition, at_ms) for topic, partition in bounds]
    try:
        found = consumer.offsets_for_times(wanted, timeout=CALL_S)
    except KafkaException as failed:
        raise RestartMe(f"Kafka does not answer: {failed.args[0].str()}") from failed
    return {
        (tp.topic, tp.partition): (end if tp.offset < 0 else tp.offset, end)
        for tp in found
        for _, end in [bounds[tp.topic, tp.partition]]
    }


def _to_record(message: Any) -> Record:
    _, timestamp_ms = message.timestamp()
    headers = tuple((name, value) for name, value in message.headers() or ())
    return Record(
        message.topic(),
        message.partition(),
        message.offset(),
        timestamp_ms,
        message.key(),
        message.value(),
        headers,
    )
