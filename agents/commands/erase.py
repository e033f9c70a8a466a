"""Delete the bytes that carriers sent, before Kafka does: personal data in carrier-events and dead-letters.

controltower erase --until 2026-03-02T08:00:00Z --dry-run
controltower erase --until 2026-03-02T08:00:00Z

Both topics hold what was received as it came, for 7 days; no other topic, log or metric has names, phone
numbers or addresses. Kafka deletes from the beginning of a partition: everything that was appended before
the time goes, for all feeds. What normalize has not read yet is kept, and said.
"""

from __future__ import annotations

import argparse
from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from agents.options import add_brokers, reach_kafka, since_ms
from controltower.offline.broker import BrokerError, find_partitions
from controltower.settings import Settings
from controltower.streaming.kafka_config import client_config
from schemas.topics import CARRIER_EVENTS, DEAD_LETTERS

HELP = "delete what carriers sent until a time"
_WAIT_S = 30.0


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--until",
        type=since_ms,
        required=True,
        metavar="TIME",
        help="received before: 2026-03-02T08:00:00Z, or 90m, 6h, 2d ago",
    )
    parser.add_argument("--dry-run", action="store_true", help="only count")
    add_brokers(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    brokers = reach_kafka(settings)
    config = client_config(brokers, settings.security())
    partitions = find_partitions(brokers, settings.security())
    group = f"{settings.app_id}-normalize"
    consumer = Consumer({**config, "group.id": group, "enable.auto.commit": False})
    try:
        ends, counts = [], {CARRIER_EVENTS: 0, DEAD_LETTERS: 0}
        for topic in counts:
            for partition in range(partitions.get(topic, 0)):
                start, end = _range(consumer, TopicPartition(topic, partition), args.until)
                counts[topic] += max(0, end - start)
                ends += [TopicPartition(topic, partition, end)] if end > start else []
    except KafkaException as failed:
        raise BrokerError(f"Kafka does not answer: {failed.args[0].str()}") from failed
    finally:
        consumer.close()
    if ends and not args.dry_run:
        _delete(AdminClient(dict(config)), ends)
    for topic, count in counts.items():
        print(f"{topic}: {count:,} offsets {'would be ' if args.dry_run else ''}erased")
    return 0


def _range(consumer: Any, place: TopicPartition, until_ms: int) -> tuple[int, int]:
    """From the beginning of a partition to where the time begins, or to where normalize stands if earlier."""
    start, high = consumer.get_watermark_offsets(place, timeout=_WAIT_S)
    [found] = consumer.offsets_for_times([TopicPartition(place.topic, place.partition, until_ms)], _WAIT_S)
    end = high if found.offset < 0 else found.offset
    if place.topic == CARRIER_EVENTS:
        [committed] = consumer.committed([place], timeout=_WAIT_S)
        read = max(committed.offset, start)
        if read < end:
            print(f"{place.topic}/{place.partition}: {end - read:,} offsets are not read yet and are kept")
        end = min(end, read)
    return start, end


def _delete(admin: Any, ends: list[TopicPartition]) -> None:
    for place, future in admin.delete_records(ends).items():
        try:
            future.result(_WAIT_S)
        except KafkaException as failed:
            raise BrokerError(f"{place.topic} cannot be erased: {failed.args[0].str()}") from failed
