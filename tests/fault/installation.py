"""An installation to be broken: topics, Redis, the day's stream, and what its workers say of themselves."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import psutil
from confluent_kafka import Consumer, KafkaException, TopicPartition

from controltower.settings import variable_of
from controltower.streaming.kafka_config import reader_config
from schemas.topics import STAGES, TOPICS, Role, changelog_of
from tests.fault.day import PARTITIONS, DayStream
from tests.fault.redis_server import RedisServer
from tests.integration.tower import Tower

_LOOK_EVERY_S = 0.2
_READY_LIMIT_S = 300.0
#: These always have something to commit while the day flows; the others only when something happens.
TICKED = ("normalize", "assign", "track", "recover")
_STARTED = re.compile(r"worker: (\w+) started \(pid (\d+)\)")
_ENDED = re.compile(r"worker: (\w+) (?:ended with|was killed by)")


class FaultTower(Tower):
    """`waits` has, for each time that was measured, how long all stages took to be at work again."""

    def __init__(self, brokers: str, app_id: str, folder: Path, settings: Mapping[str, str]) -> None:
        self.redis = RedisServer(folder)
        super().__init__(brokers, app_id, folder, self.redis.url)
        self._environment.update({variable_of(name): value for name, value in settings.items()})
        self.day: DayStream | None = None
        self.waits: list[float] = []
        #: what was measured besides, for the line below the row
        self.notes: list[str] = []

    def start(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        """As Tower.start."""
        return self.launch("agents.cli", name, *arguments)

    def launch(
        self, module: str, name: str, *arguments: str, tree: Path | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a module as a process of its own; its output goes to <name>.log, its files beside it.

        tree: where another version of everything stands.
        """
        environment = self._environment if tree is None else {**self._environment, "PYTHONPATH": str(tree)}
        with (self.folder / f"{name}.log").open("wb") as log:
            self._processes[name] = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                env=environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        return self._processes[name]

    @property
    def flows(self) -> bool:
        """Whether the day still goes on; faults injected into a resting tower prove little."""
        return self.day is not None and self.day.flows

    def start_worker(self, name: str = "worker", *stages: str) -> None:
        """A worker with all stages, or with some."""
        self.start(name, "worker", *(word for stage in stages for word in ("--stage", stage)))

    def running(self) -> list[str]:
        """Names of the processes that were started here and have not ended."""
        return [name for name, process in self._processes.items() if process.poll() is None]

    def stage_pids(self, name: str = "worker") -> dict[str, int]:
        """The stage processes of a worker that are alive now."""
        started = dict(_STARTED.findall(self.log(name)))
        return {stage: int(pid) for stage, pid in started.items() if _is_alive(int(pid))}

    def kill_stage(self, stage: str, name: str = "worker", number: int = signal.SIGKILL) -> None:
        """Send a signal to a stage of a worker; returns once the worker has noticed its end."""
        pid = self.stage_pids(name)[stage]
        ends = self._ends_of(stage, name)
        os.kill(pid, number)
        self.wait_until(f"the worker sees {stage} end", lambda: self._ends_of(stage, name) > ends, 120)

    def _ends_of(self, stage: str, name: str) -> int:
        return _ENDED.findall(self.log(name)).count(stage)

    def holdings(self) -> dict[str, set[int]]:
        """Stage -> partitions that living processes say they are ready with."""
        held: defaultdict[str, set[int]] = defaultdict(set)
        for name in self.running():
            for stage, partitions in _read_holdings(self.log(name)).items():
                held[stage] |= partitions
        return held

    def holdings_of(self, name: str) -> dict[str, set[int]]:
        """The same for one process."""
        return _read_holdings(self.log(name))

    def process(self, name: str) -> subprocess.Popen[bytes]:
        return self._processes[name]

    def all_ready(self) -> bool:
        held = self.holdings()
        return all(held[stage] == set(range(PARTITIONS)) for stage in STAGES)

    def progress(self) -> dict[str, int]:
        """Stage -> how much committed there is in its changelog; raises KafkaException."""
        with contextlib.closing(Consumer(reader_config(self.brokers, {}, "fault-probe"))) as probe:
            return {
                stage: sum(
                    probe.get_watermark_offsets(TopicPartition(changelog_of(stage), p), timeout=2)[1]
                    for p in range(PARTITIONS)
                )
                for stage in STAGES
            }

    def written(self, topic: str) -> int:
        """Offsets that a topic has given out, over all partitions."""
        with contextlib.closing(Consumer(reader_config(self.brokers, {}, "fault-probe"))) as probe:
            places = [TopicPartition(topic, p) for p in range(PARTITIONS)]
            return sum(int(probe.get_watermark_offsets(place, timeout=10)[1]) for place in places)

    def wait_for_work(self, stages: Sequence[str] = TICKED, since: float | None = None) -> float:
        """Until all partitions are held and, while the day flows, each of `stages` has committed anew.

        Returns and notes the seconds since `since` (monotonic; now).
        """
        started = time.monotonic() if since is None else since
        self.wait_until("all partitions are held", self.all_ready, _READY_LIMIT_S)
        before = self.wait_for_answer()
        self.wait_until(
            "every stage commits again",
            lambda: not self.flows or self._moved(before, stages),
            _READY_LIMIT_S,
        )
        self.waits.append(time.monotonic() - started)
        return self.waits[-1]

    def wait_for_answer(self) -> dict[str, int]:
        """The progress, once the broker tells it."""
        deadline = time.monotonic() + _READY_LIMIT_S
        while True:
            try:
                return self.progress()
            except KafkaException:
                assert time.monotonic() < deadline, "the broker does not answer"
                time.sleep(_LOOK_EVERY_S)

    def _moved(self, before: Mapping[str, int], stages: Sequence[str]) -> bool:
        try:
            now = self.progress()
        except KafkaException:
            return False
        return all(now[stage] > before[stage] for stage in stages)

    def wait_until(self, what: str, is_so: Callable[[], bool], limit_s: float = 240.0) -> None:
        """As tests.integration.tower.wait_until, and it tells the ends of the logs."""
        deadline = time.monotonic() + limit_s
        while not is_so():
            assert time.monotonic() < deadline, f"waited {limit_s:.0f} s in vain: {what}\n{self.tell()}"
            time.sleep(_LOOK_EVERY_S)

    def wait_a_while(self, what: str, is_so: Callable[[], bool], limit_s: float = 60.0) -> bool:
        """As wait_until, for what the day brings or does not bring."""
        try:
            self.wait_until(what, is_so, limit_s)
        except AssertionError:
            return False
        return True

    def lag(self, stage: str) -> int:
        """How far the stage's group is behind the ends of its inputs, by what it shows every 5 s."""
        group = f"{self.app_id}-{stage}"
        inputs = [
            topic.name for topic in TOPICS if stage in topic.readers and topic.role is not Role.CHANGELOG
        ]
        wanted = [TopicPartition(topic, p) for topic in inputs for p in range(PARTITIONS)]
        with contextlib.closing(Consumer(reader_config(self.brokers, {}, group))) as probe:
            found = probe.committed(wanted, timeout=10)
            ends = [
                probe.get_watermark_offsets(TopicPartition(f.topic, f.partition), timeout=10)[1]
                for f in found
            ]
        return sum(max(0, end - max(0, f.offset)) for f, end in zip(found, ends, strict=True))

    def pause_while_flowing(self, seconds: float) -> None:
        """Let the day go on for so long, or to its end."""
        deadline = time.monotonic() + seconds
        while self.flows and time.monotonic() < deadline:
            time.sleep(0.05)

    def tell(self) -> str:
        """The ends of all logs."""
        return "\n".join(f"--- {name}\n{self.log(name)[-600:]}" for name in self._processes)

    def close(self) -> None:
        super().close()
        self.redis.close()


def _is_alive(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _read_holdings(log: str) -> dict[str, set[int]]:
    """What each stage said last: a process that started or ended since holds nothing."""
    held: dict[str, set[int]] = {}
    for line in log.splitlines():
        for stage in _news(line):
            held.pop(stage, None)
        if line.startswith("{") and '"ready"' in line:
            event = json.loads(line)
            if event["event"] == "ready":
                held[event["stage"]] = set(event["partitions"])
    return held


def _news(line: str) -> Iterator[str]:
    for pattern in (_STARTED, _ENDED):
        found = pattern.match(line)
        if found:
            yield found.group(1)
