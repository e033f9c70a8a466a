"""Kafka's settings in docker-compose.yml, tried on a real node without Docker."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient

from controltower.embedded.ports import find_free_ports
from tests.contract.deployment import read_compose
from tests.kafka import KAFKA_VERSION, kafka_jars, wait_until_answers, without_kafka_skip

SERVICE = read_compose()["services"]["kafka"]
#: Variables of the image that are no settings of the broker.
NO_SETTINGS = ("KAFKA_HEAP_OPTS",)


def broker_settings() -> dict[str, str]:
    """KAFKA_LOG_DIRS -> log.dirs, as the image's start script turns its environment into settings."""
    return {
        name.removeprefix("KAFKA_").lower().replace("_", "."): value
        for name, value in SERVICE["environment"].items()
        if name.startswith("KAFKA_") and name not in NO_SETTINGS
    }


def java(jars: Path, *arguments: str) -> list[str]:
    return ["java", "-Xmx512m", "-cp", f"{jars}/*", *arguments]


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[str]:
    """The address that compose publishes, of a node with compose's settings on ports that are free here."""
    with without_kafka_skip():
        jars = kafka_jars()
    olds = ("19092", "9092", "9093")
    ports = {old: str(new) for new, old in enumerate(olds, find_free_ports(len(olds)))}
    settings = {**broker_settings(), "log.dirs": str(tmp_path / "data")}
    for name in ("listeners", "advertised.listeners", "controller.quorum.voters"):
        for old, new in ports.items():
            settings[name] = settings[name].replace(f":{old}", f":{new}")
    settings["advertised.listeners"] = settings["advertised.listeners"].replace("//kafka:", "//127.0.0.1:")
    config = tmp_path / "server.properties"
    config.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    cluster = SERVICE["environment"]["CLUSTER_ID"]
    formatting = java(jars, "kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(config))
    subprocess.run(formatting, check=True, capture_output=True)
    process = subprocess.Popen(
        java(jars, "kafka.Kafka", str(config)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        brokers = f"127.0.0.1:{ports['9092']}"
        wait_until_answers(brokers, process)
        yield brokers
    finally:
        process.terminate()
        process.wait(30)


def test_the_image_is_the_version_that_tests_run_on() -> None:
    """What is proven on the tests' broker is proven for users."""
    assert SERVICE["image"] == f"apache/kafka:{KAFKA_VERSION}"


@pytest.mark.kafka
def test_a_node_starts_with_these_settings_and_takes_our_topics(outside: str) -> None:
    """`controltower topics create` and `check` succeed on it, from the address for this machine."""
    environment = {**os.environ, "CONTROLTOWER_BROKERS": outside}
    for what, said in (("create", "created"), ("check", "all topics are as the table has them")):
        command = [sys.executable, "-m", "agents.cli", "topics", what]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert said in done.stdout
    advertised = AdminClient({"bootstrap.servers": outside}).list_topics(timeout=10).brokers
    assert [f"{broker.host}:{broker.port}" for broker in advertised.values()] == [outside]
