"""`controltower readmodel`, on a real broker and a real Redis."""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic
from redis import Redis

from controltower.embedded.redis import EmbeddedRedis
from controltower.offline.record_spans import find_record_spans
from controltower.streaming.client import produce_all
from controltower.streaming.exits import Exit
from controltower.streaming.stage import Out, Record
from tests.fault.readmodel import differing_rows
from tests.integration.tower import Tower, fresh_topics, wait_until
from tests.kafka import RealKafka
from tests.unit.readmodel_records import as_record, status, story

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.skipif(shutil.which("redis-server") is None, reason="needs redis-server on the PATH"),
]


LAST = as_record(status(1, route="r-last"), 99)


def as_out(record: Record) -> Out:
    return Out(record.topic, record.key, record.value, record.partition)


def content(client: Redis) -> dict[bytes, object]:
    """Rows with all they hold but the run that wrote them."""
    found: dict[bytes, object] = {}
    for kind in ("route", "exception", "action", "board"):
        for name in client.scan_iter(f"ct:2:{kind}:*"):
            row: Any = client.hgetall(name)
            found[name] = {field: value for field, value in row.items() if field != b"run"}
    return found


def test_a_rebuild_gives_the_same_read_model(real_kafka: RealKafka, tmp_path: Path) -> None:
    """Everything is removed; the stage ends with "restart me", and restarted it fills it again."""
    fresh_topics(real_kafka.brokers)
    with (
        EmbeddedRedis() as redis,
        Redis.from_url(redis.url) as client,
        Redis.from_url(redis.url, decode_responses=True) as texts,
    ):
        tower = Tower(real_kafka.brokers, f"t-{uuid.uuid4().hex[:8]}", tmp_path, redis.url)
        try:
            tower.start("worker", "worker", "--stage", "project")
            produce_all(real_kafka.brokers, (as_out(record) for record in (*story(), LAST)))
            wait_until("every row", lambda: not differing_rows(real_kafka.brokers, texts))
            before = content(client)
            tower.start("rebuild", "readmodel", "rebuild", "--yes")
            assert tower.wait("worker") == Exit.RESTART, tower.log("worker")
            tower.start("worker", "worker", "--stage", "project")
            assert tower.wait("rebuild") == 0, tower.log("rebuild")
            assert not differing_rows(real_kafka.brokers, texts)
            assert content(client) == before
            assert tower.run("size", "readmodel", "size") == 0
            assert "route " in tower.log("size")
        finally:
            tower.close()


def test_where_records_end_no_marker_counts(real_kafka: RealKafka) -> None:
    """Behind the last committed record, whatever markers and records taken back follow; or the start."""
    topic = f"spans-{uuid.uuid4().hex[:8]}"
    admin = AdminClient({"bootstrap.servers": real_kafka.brokers})
    admin.create_topics([NewTopic(topic, 4, 1)], operation_timeout=30)[topic].result()
    produce_all(real_kafka.brokers, [Out(topic, b"k", b"v", 0)] * 3)
    writer = Producer({"bootstrap.servers": real_kafka.brokers, "transactional.id": topic})
    writer.init_transactions(30)
    for commits, partition, records in ((True, 1, 2), (False, 1, 200), (False, 2, 5)):
        writer.begin_transaction()
        for _ in range(records):
            writer.produce(topic, b"v", partition=partition)
        writer.flush(30)
        _ = writer.commit_transaction(30) if commits else writer.abort_transaction(30)
    found = find_record_spans(real_kafka.brokers, {}, [topic], 4)
    assert found == {(topic, 0): (0, 3), (topic, 1): (0, 2), (topic, 2): (0, 0), (topic, 3): (0, 0)}
