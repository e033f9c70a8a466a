"""A real Kafka 4 for tests, found in the order: environment, Docker, Java and Maven; else a reason to skip.

The Maven way needs no Docker: it fetches the broker's jars once into a cache directory and runs one
combined KRaft node (broker and controller) on free loopback ports.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import pytest
from confluent_kafka.admin import AdminClient

from controltower.embedded.ports import find_free_ports

KAFKA_VERSION = "4.1.0"
START_LIMIT_S = 90.0
STOP_LIMIT_S = 30.0


class KafkaUnavailable(Exception):
    """No real Kafka can be had here; the message says why."""


class RealKafka(Protocol):
    """A running broker."""

    brokers: str

    @property
    def can_fault(self) -> bool: ...
    def stop(self) -> None: ...
    def kill(self) -> None: ...
    def start(self) -> None: ...
    def pause(self) -> None: ...
    def resume(self) -> None: ...


class GivenKafka:
    """A broker somebody else runs (KAFKA_TEST_BROKERS); its process is not ours to stop."""

    can_fault = False

    def __init__(self, brokers: str) -> None:
        self.brokers = brokers

    def _refuse(self) -> None:
        pytest.skip("the broker was given by KAFKA_TEST_BROKERS and cannot be stopped by a test")

    stop = kill = start = pause = resume = _refuse


class LocalKafka:
    """One combined KRaft node from Maven's jars, in its own directory, on free loopback ports."""

    can_fault = True

    def __init__(self, jars: Path, directory: Path) -> None:
        self._jars = jars
        self._directory = directory
        self._port = find_free_ports(2)
        self._controller_port = self._port + 1
        self._process: subprocess.Popen[bytes] | None = None
        self.brokers = f"127.0.0.1:{self._port}"
        self._configure()

    @property
    def log_path(self) -> Path:
        return self._directory / "kafka.log"

    def _configure(self) -> None:
        (self._directory / "server.properties").write_text(
            server_properties(self._port, self._controller_port, self._directory / "data")
        )
        (self._directory / "log4j2.yaml").write_text(LOG4J)
        cluster = ["-t", uuid.uuid4().hex[:22], "-c", str(self._directory / "server.properties")]
        done = subprocess.run(
            self._java("128m", "kafka.tools.StorageTool", "format", *cluster),
            capture_output=True,
            check=False,
        )
        if done.returncode:
            raise KafkaUnavailable(f"formatting Kafka's storage failed: {done.stderr.decode()[-500:]}")

    def _java(self, heap: str, main: str, *arguments: str) -> list[str]:
        logging = f"-Dlog4j2.configurationFile={self._directory / 'log4j2.yaml'}"
        return ["java", f"-Xmx{heap}", logging, "-cp", f"{self._jars}/*", main, *arguments]

    def start(self) -> None:
        """Start the node and return when it answers; raises KafkaUnavailable after START_LIMIT_S."""
        command = self._java("512m", "kafka.Kafka", str(self._directory / "server.properties"))
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        wait_until_answers(self.brokers, self._process)

    def stop(self) -> None:
        """Clean shutdown (SIGTERM), kill after STOP_LIMIT_S."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def kill(self) -> None:
        """SIGKILL, as after a power cut (the page cache survives)."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    def pause(self) -> None:
        """SIGSTOP: the broker hangs with its connections open."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)


LOG4J = """Configuration:
  Appenders:
    Console:
      name: out
      PatternLayout: {pattern: "%d %p %m (%c)%n"}
  Loggers:
    Root:
      level: WARN
      AppenderRef: [{ref: out}]
"""


def server_properties(port: int, controller_port: int, data: Path) -> str:
    """The node's settings: every internal topic with one replica, groups form at once."""
    return f"""process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
log.cleaner.dedupe.buffer.size=8388608
log.cleaner.backoff.ms=1000
"""


def wait_until_answers(brokers: str, process: subprocess.Popen[bytes] | None = None) -> None:
    """Return when the broker lists its topics; raises KafkaUnavailable after START_LIMIT_S."""
    admin = AdminClient({"bootstrap.servers": brokers, "log_level": 0, "reconnect.backoff.max.ms": 500})
    deadline = time.monotonic() + START_LIMIT_S
    while time.monotonic() < deadline:
        if process is not None and process.poll() is not None:
            raise KafkaUnavailable(f"the Kafka process ended with {process.returncode}")
        try:
            if admin.list_topics(timeout=2).brokers:
                return
        except Exception:  # not up yet: every client error here means the same
            admin.poll(0.2)
    raise KafkaUnavailable(f"Kafka at {brokers} did not answer within {START_LIMIT_S:.0f} s")


def kafka_jars() -> Path:
    """The broker's jars in the cache, fetched by Maven the first time; raises KafkaUnavailable."""
    root = Path(os.environ.get("KAFKA_TEST_CACHE") or Path.home() / ".cache" / "controltower-kafka")
    libs = root / f"libs-{KAFKA_VERSION}"
    if libs.is_dir():
        return libs
    require_java_and_maven()
    root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root) as scratch:
        fetch_jars(Path(scratch))
        if not libs.is_dir():  # another test run may have been faster
            (Path(scratch) / "libs").rename(libs)
    return libs


def require_java_and_maven() -> None:
    if shutil.which("mvn") is None or shutil.which("java") is None:
        raise KafkaUnavailable("no KAFKA_TEST_BROKERS, no Docker daemon, and java or mvn is not on the PATH")
    version = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(\d+)', version)
    if found is None or int(found.group(1)) < 17:
        raise KafkaUnavailable("Kafka 4 needs Java 17 or newer")


def fetch_jars(directory: Path) -> None:
    """Let Maven copy Kafka with its dependencies into directory/libs."""
    (directory / "pom.xml").write_text(
        f"""<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>controltower.tests</groupId><artifactId>kafka</artifactId><version>1</version><packaging>pom</packaging>
<dependencies><dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId>
<version>{KAFKA_VERSION}</version></dependency></dependencies></project>"""
    )
    target = f"-DoutputDirectory={directory / 'libs'}"
    command = ["mvn", "-B", "-q", "-f", str(directory / "pom.xml"), "dependency:copy-dependencies", target]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode or not (directory / "libs").is_dir():
        raise KafkaUnavailable(f"Maven could not fetch Kafka: {(done.stdout + done.stderr)[-400:].strip()}")


def docker_answers() -> bool:
    if shutil.which("docker") is None:
        return False
    try:
        return (
            subprocess.run(["docker", "info"], capture_output=True, timeout=10, check=False).returncode == 0
        )
    except subprocess.TimeoutExpired:
        return False


@contextmanager
def docker_kafka() -> Iterator[RealKafka]:
    """apache/kafka in a container; its faults are left to the local node."""
    from testcontainers.kafka import KafkaContainer

    with KafkaContainer("apache/kafka:4.1.0").with_kraft() as container:
        yield GivenKafka(container.get_bootstrap_server())


@contextmanager
def local_kafka() -> Iterator[LocalKafka]:
    """A node of our own in a scratch directory, stopped and removed at the end."""
    jars = kafka_jars()
    with tempfile.TemporaryDirectory(prefix="controltower-kafka-") as directory:
        node = LocalKafka(jars, Path(directory))
        try:
            node.start()
            yield node
        finally:
            node.stop()


@contextmanager
def real_kafka_or_reason() -> Iterator[RealKafka]:
    """A real broker by the first way that works; raises KafkaUnavailable with the reason."""
    given = os.environ.get("KAFKA_TEST_BROKERS")
    if given:
        wait_until_answers(given)
        yield GivenKafka(given)
    elif docker_answers():
        with docker_kafka() as kafka:
            yield kafka
    else:
        with local_kafka() as kafka:
            yield kafka


@pytest.fixture(scope="session")
def real_kafka() -> Iterator[RealKafka]:
    """A real Kafka for the session; without one the test skips, in CI (CI=true) it fails."""
    with without_kafka_skip(), real_kafka_or_reason() as kafka:
        yield kafka


@contextmanager
def without_kafka_skip() -> Iterator[None]:
    try:
        yield
    except KafkaUnavailable as reason:
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI needs a real Kafka: {reason}")
        pytest.skip(f"no real Kafka: {reason}")
