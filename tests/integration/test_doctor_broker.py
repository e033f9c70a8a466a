"""`controltower doctor` on a real broker: what is wrong with topics and stages, and nothing left behind."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from controltower.embedded.ports import find_free_ports
from controltower.embedded.redis import EmbeddedRedis
from controltower.streaming.client import read_topic
from controltower.streaming.topics import create_topics
from schemas import topics
from schemas.topics import STAGES
from tests.integration.tower import Tower, fresh_topics, wait_until
from tests.integration.toy import ToyTopic
from tests.kafka import RealKafka

pytestmark = [pytest.mark.kafka, pytest.mark.slow]


@pytest.fixture
def port() -> int:
    return find_free_ports(len(STAGES))


@pytest.fixture
def tower(real_kafka: RealKafka, tmp_path: Path, port: int) -> Iterator[Tower]:
    fresh_topics(real_kafka.brokers)
    with EmbeddedRedis() as redis:
        app_id = f"test-{uuid.uuid4().hex[:8]}"
        tower = Tower(real_kafka.brokers, app_id, tmp_path, redis.url, metrics_port=str(port))
        try:
            yield tower
        finally:
            tower.close()


def examine(tower: Tower) -> tuple[int, dict[str, list[dict[str, Any]]]]:
    """Exit code, and the findings by level."""
    name = f"doctor-{uuid.uuid4().hex[:6]}"
    code = tower.run(name, "doctor", "--json")
    findings: dict[str, list[dict[str, Any]]] = {"ok": [], "warn": [], "fail": []}
    for line in tower.log(name).splitlines():
        finding = json.loads(line)
        findings[finding["level"]].append(finding)
    return code, findings


def test_a_whole_tower_is_well(tower: Tower, port: int) -> None:
    """All stages run: every line is ok, exit code 0; the probe left nothing, no port is open but ours."""
    tower.start("worker", "worker")
    tower.wait_ready("worker", STAGES)
    wait_until("the groups settle", lambda: examine(tower)[0] == 0)
    _, findings = examine(tower)
    said = {finding["subject"]: finding["what"] for finding in findings["ok"]}
    assert said["stage track"].startswith("runs with 1 process")
    assert said["transactions"] == "permitted, and they work"
    assert said["clock"].startswith("within")
    assert "is alive and ready" in json.dumps(said)
    assert list(read_topic(tower.brokers, [topics.DEAD_LETTERS])) == []
    for number, stage in enumerate(STAGES):
        assert listening_ports(tower.pid_of(stage)) == {("127.0.0.1", port + number)}


def listening_ports(pid: int) -> set[tuple[str, int]]:
    """Where a process takes connections: Faust's own web server would be among them."""
    connections = psutil.Process(pid).net_connections(kind="inet")
    return {tuple(found.laddr) for found in connections if found.status == psutil.CONN_LISTEN}


def test_topics_that_are_not_as_they_should_be(tower: Tower) -> None:
    """Missing, another partition count, another setting: each by name with the way out; stages do not run."""
    admin = AdminClient({"bootstrap.servers": tower.brokers})
    for future in admin.delete_topics([topics.PLANS, topics.COMMANDS], operation_timeout=30).values():
        future.result()
    wait_until("they go", lambda: not {topics.PLANS, topics.COMMANDS} & set(admin.list_topics().topics))
    create_topics(tower.brokers, [ToyTopic(topics.COMMANDS, dict(topics.BY_NAME[topics.COMMANDS].config), 2)])
    change = ConfigEntry("retention.ms", "60000", incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, topics.ROUTE_EVENTS, incremental_configs=[change])
    (future,) = admin.incremental_alter_configs([resource]).values()
    future.result()

    code, findings = examine(tower)
    assert code == 1
    failed = {finding["what"]: finding["hint"] for finding in findings["fail"]}
    assert failed["plans is missing"] == "controltower topics create"
    assert "CONTROLTOWER_PARTITIONS" in failed["commands has 2 partitions, should have 4"]
    warned = {finding["subject"]: finding for finding in findings["warn"]}
    assert "retention.ms=60000" in warned["topics"]["what"]
    assert "kafka-configs --alter --topic route-events" in warned["topics"]["hint"]
    assert warned["stage track"]["what"] == "does not run"
