"""A stage whose log was deleted and created again refuses, and `controltower reset` is the way out."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from controltower.streaming.client import produce_all, read_topic
from controltower.streaming.exits import Exit
from controltower.streaming.stage import Out
from schemas.topics import ROUTE_EVENTS, ROUTE_STATUS
from tests.integration.tower import Tower, fresh_topics, recreate_topic, wait_until
from tests.kafka import RealKafka
from tests.unit.roads import day_of, drive

pytestmark = [pytest.mark.kafka, pytest.mark.slow]


@pytest.fixture
def tower(real_kafka: RealKafka, tmp_path: Path) -> Iterator[Tower]:
    fresh_topics(real_kafka.brokers)
    tower = Tower(real_kafka.brokers, f"test-{uuid.uuid4().hex[:8]}", tmp_path, "redis://127.0.0.1:1")
    try:
        yield tower
    finally:
        tower.close()


def publish_day(tower: Tower) -> None:
    """A plan and a drive in the log of one route."""
    records = day_of(drive(0, 600, 0))
    produce_all(tower.brokers, (Out(ROUTE_EVENTS, b"R1", record.value) for record in records))


def statuses(tower: Tower) -> int:
    """How many status records there are."""
    return sum(1 for _ in read_topic(tower.brokers, [ROUTE_STATUS]))


def test_a_log_that_was_created_again_is_refused_until_the_stage_is_reset(tower: Tower) -> None:
    """Exit code 3 and a hint; while it runs no reset; after the reset it reads the new log from its start."""
    publish_day(tower)
    tower.start("first", "worker", "--stage", "track")
    wait_until("the first day is folded", lambda: statuses(tower) > 0)
    assert tower.run("too-early", "reset", "--stage", "track", "--yes") == Exit.PERSON
    assert "Stop every process of this stage first" in tower.log("too-early")
    assert tower.stop("first") == Exit.CLEAN

    recreate_topic(tower.brokers, ROUTE_EVENTS)
    assert tower.run("second", "worker", "--stage", "track") == Exit.PERSON
    assert "controltower reset --stage track" in tower.log("second")

    assert tower.run("reset", "reset", "--stage", "track", "--yes") == 0
    before = statuses(tower)
    publish_day(tower)
    tower.start("third", "worker", "--stage", "track")
    wait_until("the new day is folded", lambda: statuses(tower) > before)
    assert tower.stop("third") == Exit.CLEAN
