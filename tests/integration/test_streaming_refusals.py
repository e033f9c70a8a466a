"""A stage refuses to go on where that would lose or double records, says why, and says the way out."""

from __future__ import annotations

from pathlib import Path

import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient

from controltower.streaming.client import produce_all
from controltower.streaming.exits import Exit
from controltower.streaming.positions import Position, encode_position, position_key
from controltower.streaming.stage import Out
from controltower.streaming.topics import create_topics
from tests.integration.toy import COMPACTED, PARTITIONS, Toy, ToyTopic, toy_run, wait_for
from tests.kafka import RealKafka

pytestmark = pytest.mark.kafka
RECORDS = 1_000


def run_once(toy: Toy) -> None:
    """Fold RECORDS records and stop cleanly, with the group's offsets committed."""
    toy.produce(RECORDS)
    worker = toy.start(limits={"show_lag_every_s": 0.5})
    worker.wait_ready()
    toy.wait_outputs(RECORDS)
    wait_for(lambda: group_has_offsets(toy), 60, toy.describe)
    assert worker.terminate() == Exit.CLEAN


def group_has_offsets(toy: Toy) -> bool:
    admin = AdminClient({"bootstrap.servers": toy.brokers})
    group = ConsumerGroupTopicPartitions(f"{toy.app}-count")
    (future,) = admin.list_consumer_group_offsets([group]).values()
    offsets = future.result(10).topic_partitions
    return len(offsets) == PARTITIONS and sum(found.offset for found in offsets) >= RECORDS


def assert_refuses(toy: Toy, *words: str) -> None:
    worker = toy.start(limits={"topics_wait_s": 3})
    assert worker.wait() == Exit.PERSON, worker.text()
    for word in (*words, "hint:"):
        assert word in worker.text()


def delete(toy: Toy, topic: str) -> None:
    admin = AdminClient({"bootstrap.servers": toy.brokers})
    admin.delete_topics([topic])[topic].result()
    wait_for(lambda: topic not in admin.list_topics(timeout=5).topics, 60, toy.describe)


def test_a_recreated_input_topic(real_kafka: RealKafka, tmp_path: Path) -> None:
    """The same name is not the same topic."""
    with toy_run(real_kafka.brokers, tmp_path) as toy:
        run_once(toy)
        delete(toy, toy.source)
        create_topics(toy.brokers, [ToyTopic(toy.source)])
        toy.produce(2 * RECORDS)
        assert_refuses(toy, "deleted and created again", "controltower reset")


def test_an_input_that_is_created_again_under_a_running_stage(real_kafka: RealKafka, tmp_path: Path) -> None:
    """A fetch goes by name: a new topic with more records than were read would be read on from there."""
    with toy_run(real_kafka.brokers, tmp_path) as toy:
        toy.produce(RECORDS)
        worker = toy.start(limits={"look_at_topics_every_s": 0.5, "topics_wait_s": 3})
        worker.wait_ready()
        toy.wait_outputs(RECORDS)
        delete(toy, toy.source)
        create_topics(toy.brokers, [ToyTopic(toy.source)])
        toy.produce(2 * RECORDS)
        code = worker.wait()
        if code == Exit.RESTART:  # the name was unknown for two looks, or the fetch was refused
            assert_refuses(toy, "deleted and created again", "controltower reset")
        else:
            assert code == Exit.PERSON, worker.text()
            assert "deleted and created again" in worker.text()
            assert "controltower reset" in worker.text()


def test_a_changelog_that_is_created_again_under_a_running_stage(
    real_kafka: RealKafka, tmp_path: Path
) -> None:
    """What the stage still writes into it lacks the states of before: it is never restored."""
    with toy_run(real_kafka.brokers, tmp_path) as toy:
        toy.produce(RECORDS)
        worker = toy.start(limits={"look_at_topics_every_s": 3600})
        worker.wait_ready()
        toy.wait_outputs(RECORDS)
        delete(toy, toy.changelog)
        create_topics(toy.brokers, [ToyTopic(toy.changelog, COMPACTED)])
        toy.produce(RECORDS, start=RECORDS)
        toy.wait_outputs(2 * RECORDS)
        assert worker.terminate() == Exit.CLEAN
        assert_refuses(toy, f"{toy.changelog} is not the topic this stage has written", "controltower reset")


def test_an_input_deleted_before_it_was_read(real_kafka: RealKafka, tmp_path: Path) -> None:
    """Retention has overtaken the stage."""
    with toy_run(real_kafka.brokers, tmp_path) as toy:
        run_once(toy)
        toy.produce(RECORDS)
        admin = AdminClient({"bootstrap.servers": toy.brokers})
        for future in admin.delete_records(
            [TopicPartition(toy.source, p, -1) for p in range(PARTITIONS)]
        ).values():
            future.result()
        assert_refuses(toy, "are gone from the log unread")


def test_a_changelog_that_is_gone(real_kafka: RealKafka, tmp_path: Path) -> None:
    """Missing: refused by name; created anew and empty: refused, because the group has read on."""
    with toy_run(real_kafka.brokers, tmp_path) as toy:
        run_once(toy)
        delete(toy, toy.changelog)
        assert_refuses(toy, f"topics are missing: {toy.changelog}")
        create_topics(toy.brokers, [ToyTopic(toy.changelog, COMPACTED)])
        assert_refuses(toy, "has no position for")


def test_a_changelog_that_is_not_compacted(real_kafka: RealKafka, tmp_path: Path) -> None:
    """State would be deleted by age."""
    with toy_run(real_kafka.brokers, tmp_path) as toy:
        create_topics(toy.brokers, [ToyTopic(f"{toy.app}-aging")])
        toy.changelog = f"{toy.app}-aging"
        assert_refuses(toy, "deleted by age")


def test_another_partition_count(real_kafka: RealKafka, tmp_path: Path) -> None:
    """Partition n of every topic of a stage is owned together."""
    with toy_run(real_kafka.brokers, tmp_path) as toy:
        toy.changelog = f"{toy.app}-narrow"
        create_topics(toy.brokers, [ToyTopic(toy.changelog, COMPACTED, partitions=2)])
        assert_refuses(toy, "differ in their number of partitions")


def test_a_changelog_of_a_newer_version(real_kafka: RealKafka, tmp_path: Path) -> None:
    """A downgrade would not understand its state."""
    with toy_run(real_kafka.brokers, tmp_path) as toy:
        newer = encode_position(Position(0, None, schema=2))
        produce_all(toy.brokers, [Out(toy.changelog, position_key(toy.source), newer, partition=0)])
        assert_refuses(toy, "newer version (schema 2)")
