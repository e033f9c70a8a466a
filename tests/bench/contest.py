"""One engine at its job: started, watched from its first output to its last, stopped, its work checked."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, TopicPartition

from controltower.streaming.kafka_config import reader_config
from tests.bench.measuring import cpu_s

ROOT = Path(__file__).parents[2]
LIMIT_S = 240.0
_STOP_S = 40.0


class ContestFailed(Exception):
    """An engine ended or did not finish; the message has the end of its log."""


@dataclass(slots=True, frozen=True)
class Moment:
    """A section was done: when, and the CPU the engine had used by then."""

    at_s: float
    cpu_s: float


@dataclass(slots=True)
class Watched:
    """The engine's start, and the moment of each mark: section -> when the last partition had it."""

    started_s: float
    began: Moment | None = None
    ends: dict[int, Moment] = field(default_factory=dict)


class Engine:
    """A child process with its log in a file."""

    def __init__(self, command: Sequence[str], log: Path) -> None:
        self._log = log
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        with log.open("wb") as out:
            self._process = subprocess.Popen(
                command, cwd=log.parent, stdout=out, stderr=out, stdin=subprocess.DEVNULL, env=environment
            )

    def moment(self) -> Moment:
        """Now; raises ContestFailed when the engine is gone."""
        if self._process.poll() is not None:
            raise ContestFailed(f"the engine ended with {self._process.returncode}:\n{self._tail()}")
        return Moment(time.monotonic(), cpu_s(self._process.pid))

    def stop(self) -> None:
        """SIGTERM and wait: an engine at least once writes what it still holds."""
        self._process.terminate()
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def failed(self, why: str) -> ContestFailed:
        return ContestFailed(f"{why}:\n{self._tail()}")

    def _tail(self) -> str:
        return self._log.read_text(errors="replace")[-3000:]


def watch(
    engine: Engine,
    brokers: str,
    target: tuple[str, int],
    mark_of: Callable[[Message], tuple[int, int] | None],
    last_section: int,
) -> Watched:
    """Read the target topic (name, partitions) until every partition has its last mark.

    mark_of tells (section, partition) of an output that is a mark. Section 0 begins with its first one.
    """
    watched = Watched(time.monotonic())
    topic, partitions = target
    reader = Consumer(reader_config(brokers, {}, f"{topic}-bench"))
    reader.assign([TopicPartition(topic, p, OFFSET_BEGINNING) for p in range(partitions)])
    seen: dict[int, set[int]] = {}
    try:
        while last_section not in watched.ends:
            for message in reader.consume(5_000, 0.02):
                mark = mark_of(message) if message.error() is None else None
                if mark is None:
                    continue
                if watched.began is None:
                    watched.began = engine.moment()
                seen.setdefault(mark[0], set()).add(mark[1])
            for section in [s for s, where in seen.items() if len(where) == partitions]:
                watched.ends.setdefault(section, engine.moment())
            if time.monotonic() - watched.started_s > LIMIT_S:
                raise engine.failed(f"not done within {LIMIT_S:.0f} s")
            if not seen:
                engine.moment()
    finally:
        reader.close()
    return watched
