"""All stages as `controltower worker` starts them, with the CPU of each stage apart."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from pathlib import Path

from controltower.embedded.redis import EmbeddedRedis
from controltower.streaming.client import produce_all
from schemas.topics import STAGES
from tests.bench.copied_day import CopiedDay
from tests.bench.measuring import cpu_s
from tests.integration.tower import Tower, fresh_topics, wait_until

#: A stage that uses less of a core than this over half a second has nothing left to do.
_IDLE_SHARE = 0.10
_LOOK_S = 0.5
_DRAIN_LIMIT_S = 300.0


class WholeTower:
    """One or more workers on fresh topics, each with a process per stage. Use as a context manager."""

    def __init__(self, brokers: str, folder: Path, workers: int, partitions: int, **settings: str) -> None:
        fresh_topics(brokers)
        self._brokers = brokers
        self._redis = EmbeddedRedis()
        self._names = [f"worker-{number}" for number in range(workers)]
        self._partitions = partitions
        self.tower = Tower(brokers, "controltower", folder, self._redis.url, **settings)

    def __enter__(self) -> WholeTower:
        try:
            for name in self._names:
                self.tower.start(name, "worker")
                wait_until(f"{name} is ready", self._all_owned)
            wait_until("the partitions are shared", self._shared)
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def _close(self) -> None:
        self.tower.close()
        self._redis.stop()

    def owned(self, stage: str) -> list[list[int]]:
        """The partitions of each worker's process of a stage."""
        return [self._ready(name).get(stage, []) for name in self._names]

    def _ready(self, name: str) -> dict[str, list[int]]:
        """stage -> partitions, as it said last when it was ready."""
        try:
            lines = self.tower.log(name).splitlines()
        except FileNotFoundError:
            return {}
        events = [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]
        return {event["stage"]: event["partitions"] for event in events if event.get("event") == "ready"}

    def _all_owned(self) -> bool:
        return all(sum(len(part) for part in self.owned(stage)) >= self._partitions for stage in STAGES)

    def _shared(self) -> bool:
        share = self._partitions // len(self._names)
        return all(sorted(map(len, self.owned(stage))) == [share] * len(self._names) for stage in STAGES)

    def cpu_s(self) -> dict[str, float]:
        """CPU of each stage so far, of all workers together."""
        used = dict.fromkeys(STAGES, 0.0)
        for name in self._names:
            for stage, pid in re.findall(r"worker: (\w+) started \(pid (\d+)\)", self.tower.log(name)):
                used[stage] += cpu_s(int(pid))
        return used

    def open(self, day: CopiedDay) -> Mapping[str, float]:
        """Until all of its routes are underway with their plans; the CPU that each stage has used by then."""
        produce_all(self._brokers, day.planned())
        self.wait_drained()
        produce_all(self._brokers, day.opening())
        return self.wait_drained()

    def wait_drained(self) -> Mapping[str, float]:
        """Until every stage idles, and the CPU that each has used by then."""
        deadline = time.monotonic() + _DRAIN_LIMIT_S
        before, quiet = self.cpu_s(), 0
        while quiet < 2:
            time.sleep(_LOOK_S)
            now = self.cpu_s()
            idle = all(now[s] - before[s] < _IDLE_SHARE * _LOOK_S * len(self._names) for s in STAGES)
            before, quiet = now, quiet + 1 if idle else 0
            assert time.monotonic() < deadline, f"still busy after {_DRAIN_LIMIT_S:.0f} s"
        return before
