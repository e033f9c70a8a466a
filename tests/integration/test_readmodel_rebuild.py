"""`controltower readmodel`, on a real broker and a real Redis."""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from controltower.embedded.redis import EmbeddedRedis
from controltower.streaming.client import produce_all
from controltower.streaming.exits import Exit
from controltower.streaming.stage import Out, Record
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
    with EmbeddedRedis() as redis, Redis.from_url(redis.url) as client:
        tower = Tower(real_kafka.brokers, f"t-{uuid.uuid4().hex[:8]}", tmp_path, redis.url)
        try:
            tower.start("worker", "worker", "--stage", "project")
            produce_all(real_kafka.brokers, (as_out(record) for record in (*story(), LAST)))
            wait_until("the last row", lambda: bool(client.exists("ct:2:route:r-last")))
            before = content(client)
            tower.start("rebuild", "readmodel", "rebuild", "--yes")
            assert tower.wait("worker") == Exit.RESTART, tower.log("worker")
            tower.start("worker", "worker", "--stage", "project")
            assert tower.wait("rebuild") == 0, tower.log("rebuild")
            assert content(client) == before
            assert tower.run("size", "readmodel", "size") == 0
            assert "route " in tower.log("size")
        finally:
            tower.close()
