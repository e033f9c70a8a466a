"""A whole control tower for tests: fresh topics on a real broker, the worker as a user starts it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient

from agents.topic_specs import wanted_topics
from controltower.settings import load_settings, variable_of
from controltower.streaming.topics import create_topics
from schemas.topics import TOPICS
from tests.product import PRODUCT, product_environment

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "agents.cli"]
LIMIT_S = 120.0


def wait_until(what: str, is_so: Callable[[], bool], limit_s: float = LIMIT_S) -> None:
    """Return once `is_so`; fails the test with `what` when that takes too long."""
    deadline = time.monotonic() + limit_s
    while not is_so():
        assert time.monotonic() < deadline, f"waited {limit_s:.0f} s in vain: {what}"
        time.sleep(0.05)


def fresh_topics(brokers: str) -> None:
    """Our topics, new and empty."""
    admin = AdminClient({"bootstrap.servers": brokers})
    ours = {topic.name for topic in TOPICS}
    old = ours & set(admin.list_topics(timeout=10).topics)
    if old:
        for future in admin.delete_topics(sorted(old), operation_timeout=30).values():
            future.result()
        wait_until("old topics go", lambda: not ours & set(admin.list_topics(timeout=10).topics))
    create_topics(brokers, wanted_topics(load_settings({"brokers": brokers})))
    wait_until("new topics have leaders", lambda: all(_has_leaders(admin, name) for name in ours))


def _has_leaders(admin: AdminClient, name: str) -> bool:
    found = admin.list_topics(name, timeout=10).topics[name]
    return bool(found.partitions) and all(p.leader >= 0 for p in found.partitions.values())


def recreate_topic(brokers: str, name: str) -> None:
    """Delete one of our topics and create it again: another topic of the same name."""
    admin = AdminClient({"bootstrap.servers": brokers})
    admin.delete_topics([name], operation_timeout=30)[name].result()
    wait_until("the topic goes", lambda: name not in admin.list_topics(timeout=10).topics)
    create_topics(brokers, wanted_topics(load_settings({"brokers": brokers})))


class Tower:
    """Processes of one installation; `close` ends what is left of them. settings: name -> value."""

    def __init__(self, brokers: str, app_id: str, folder: Path, redis_url: str, **settings: str) -> None:
        self.brokers = brokers
        self.app_id = app_id
        self.folder = folder
        self._environment = {
            **product_environment(),
            "CONTROLTOWER_BROKERS": brokers,
            "CONTROLTOWER_APP_ID": app_id,
            "CONTROLTOWER_METRICS_PORT": "0",
            "CONTROLTOWER_REDIS_URL": redis_url,
            **{variable_of(name): value for name, value in settings.items()},
        }
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a command; its output goes to <name>.log."""
        with (self.folder / f"{name}.log").open("wb") as log:
            self._processes[name] = subprocess.Popen(
                [*COMMAND, *arguments],
                env=self._environment,
                cwd=PRODUCT,  # where -m looks first
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        return self._processes[name]

    def run(self, name: str, *arguments: str) -> int:
        """Run a command to its end and return its exit code."""
        self.start(name, *arguments)
        return self.wait(name)

    def wait(self, name: str) -> int:
        """The exit code of a command that ends by itself."""
        return self._processes[name].wait(LIMIT_S)

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def events(self, name: str) -> list[dict[str, Any]]:
        """The structured lines of a process's log."""
        lines = self.log(name).splitlines()
        # The last line may be half written.
        return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]

    def wait_ready(self, name: str, stages: Iterable[str]) -> None:
        """Return once each stage that `name` runs has said that it is ready; a rebalance says it again."""

        def missing() -> list[str]:
            ready = {event["stage"] for event in self.events(name) if event["event"] == "ready"}
            return sorted(set(stages) - ready)

        try:
            wait_until("all stages are ready", lambda: not missing())
        except AssertionError:
            pytest.fail(f"not ready: {missing()}; {name}.log ends with {self.log(name)[-3000:]}")

    def pid_of(self, stage: str) -> int:
        """The process that the worker runs for a stage now."""
        started = re.findall(rf"worker: {stage} started \(pid (\d+)\)", self.log("worker"))
        assert started, f"the worker has not started {stage}"
        return int(started[-1])

    def ready_partitions(self, name: str) -> list[int]:
        """The partitions that a process of one stage said last it was ready with."""
        ready = [event["partitions"] for event in self.events(name) if event["event"] == "ready"]
        return list(ready[-1]) if ready else []

    def kill(self, stage: str) -> None:
        os.kill(self.pid_of(stage), signal.SIGKILL)

    def signal(self, name: str, number: int) -> None:
        """To a process that we started ourselves."""
        self._processes[name].send_signal(number)

    def kill_process(self, name: str) -> None:
        """SIGKILL to a process that we started ourselves."""
        self._processes[name].kill()
        self._processes[name].wait()

    def stop(self, name: str) -> int:
        """SIGTERM, and the exit code."""
        process = self._processes[name]
        process.terminate()
        return process.wait(90)

    def close(self) -> None:
        for process in self._processes.values():
            if process.poll() is None:
                process.terminate()
        for process in self._processes.values():
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
