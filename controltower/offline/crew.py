"""The stages of a replay spread over processes by partition; the result is that of one process.

Within a clock window every stage is a step that all processes do together, since a stage may write into any
partition. More processes than partitions have nothing to do.
"""

from __future__ import annotations

import multiprocessing
from collections import Counter
from collections.abc import Generator, Iterable, Iterator
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Self

import msgspec

from controltower.intake import Payload
from controltower.offline.pipeline import MOST_ROUNDS
from controltower.offline.shard import BuildStages, Done, Step, Written, encode, serve, share
from controltower.offline.windows import Timed, clock_windows
from controltower.streaming.partitioner import partition_of
from controltower.streaming.stage import Out
from schemas.wire import Plan

_decode_done = msgspec.msgpack.Decoder(Done).decode
_decode_tallies = msgspec.msgpack.Decoder(list[tuple[tuple[str, ...], int]]).decode
_STOP = encode(None)
_END_LIMIT_S = 10.0


class CrewFailed(RuntimeError):
    """A process of the crew ended; its traceback stands on standard error."""


class Crew:
    """Use as a context manager. `build` makes the stages and must be picklable."""

    def __init__(self, build: BuildStages, stages: int, partitions: int, workers: int) -> None:
        self._stages, self._partitions = stages, partitions
        self._shares = share(partitions, min(workers, partitions))
        self._owner = {p: number for number, own in enumerate(self._shares) for p in own}
        self._foreign: list[Written] = [{} for _ in self._shares]
        self.tallies: Counter[tuple[str, ...]] = Counter()
        context = multiprocessing.get_context("spawn")
        self._pipes: list[Connection] = []
        self._processes = []
        for own in self._shares:
            ours, theirs = context.Pipe()
            process = context.Process(target=serve, args=(theirs, build, list(own), partitions), daemon=True)
            process.start()
            theirs.close()
            self._pipes.append(ours)
            self._processes.append(process)

    def run(self, plans: Iterable[Plan], arrivals: Iterable[Payload]) -> Iterator[Out]:
        """What the stages publish, in the order in which one process would."""
        waits, at_ms = False, 0
        for at_ms, intake in clock_windows(plans, arrivals, self._partitions):
            waits = yield from self._fold_window(at_ms, intake)
        for _ in range(MOST_ROUNDS):
            if not waits:
                self._end()
                return
            waits = yield from self._fold_window(at_ms, [])
        raise RuntimeError("the stages keep answering each other")

    def _fold_window(self, at_ms: int, intake: list[Timed]) -> Generator[Out, None, bool]:
        """Yields what is published; returns whether anything waits behind the last stage."""
        waits = False
        for stage in range(self._stages):
            dones = self._step(stage, at_ms, intake if stage == 0 else [])
            published = {source: outs for done in dones for source, outs in done.published.items()}
            for source in sorted(published):
                yield from published[source]
            waits = any(done.waits for done in dones)
        return waits

    def _step(self, stage: int, at_ms: int, intake: list[Timed]) -> list[Done]:
        """One step of all processes at the same time."""
        given: list[list[Timed]] = [[] for _ in self._shares]
        for out, received_ms in intake:
            given[self._owner_of(out)].append((out, received_ms))
        for number, pipe in enumerate(self._pipes):
            self._send(pipe, encode(Step(stage, at_ms, given[number], self._foreign[number])))
        dones = [_decode_done(self._receive(pipe)) for pipe in self._pipes]
        self._foreign = [{} for _ in self._shares]
        for done in dones:
            for source, outs in done.foreign.items():
                for out in outs:
                    self._foreign[self._owner_of(out)].setdefault(source, []).append(out)
        return dones

    def _owner_of(self, out: Out) -> int:
        partition = out.partition
        if partition is None:
            partition = partition_of(out.key or b"", self._partitions)
        return self._owner[partition]

    def _end(self) -> None:
        for pipe in self._pipes:
            self._send(pipe, _STOP)
            self.tallies.update(dict(_decode_tallies(self._receive(pipe))))

    def _send(self, pipe: Connection, message: bytes) -> None:
        try:
            pipe.send_bytes(message)
        except OSError as gone:
            raise CrewFailed("a process of the replay has ended") from gone

    def _receive(self, pipe: Connection) -> bytes:
        try:
            return pipe.recv_bytes()
        except (EOFError, OSError) as gone:
            raise CrewFailed("a process of the replay has ended") from gone

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for pipe in self._pipes:
            pipe.close()
        for process in self._processes:
            process.join(_END_LIMIT_S)
            if process.is_alive():
                process.kill()
                process.join()
