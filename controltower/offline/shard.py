"""Some partitions of all stages, in a process of their own, folded step by step.

Between two steps lies what the stages of other processes have written. Offsets are part of the result (an
exception names the record that led to it), so everything is appended as one process would append it: by
stage, then by the partition it comes from.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from multiprocessing.connection import Connection

import msgspec

from controltower.offline.logs import Logs
from controltower.offline.pipeline import SteppedClock
from controltower.offline.results import FILES
from controltower.offline.windows import Timed
from controltower.streaming.partitioner import partition_of
from controltower.streaming.stage import Out, PartitionFold, StageSpec

BuildStages = Callable[[Callable[[], int]], Sequence[StageSpec]]
#: By the partition of the fold that wrote them, in its order.
Written = dict[int, list[Out]]


class Step(msgspec.Struct):
    """Take what others wrote in the step before, and the intake; fold one stage up to `at_ms`."""

    stage: int
    at_ms: int
    intake: list[Timed]
    foreign: Written


class Done(msgspec.Struct):
    """What a step left: records to publish, records for other shards, and whether anything waits here."""

    published: Written
    foreign: Written
    waits: bool


encode = msgspec.msgpack.Encoder().encode
_decode_step = msgspec.msgpack.Decoder(Step | None).decode


def serve(connection: Connection, build: BuildStages, own: Sequence[int], partitions: int) -> None:
    """Do the steps that come over the connection until None comes; then send the tallies."""
    clock = SteppedClock()
    shard = Shard(build(clock.now_ms), clock, own, partitions)
    try:
        while (step := _decode_step(connection.recv_bytes())) is not None:
            connection.send_bytes(encode(shard.do(step)))
        connection.send_bytes(encode(list(shard.tallies.items())))
    except EOFError:  # the replay has ended without us
        return


class Shard:
    """The folds of `own` partitions of every stage."""

    def __init__(
        self, stages: Sequence[StageSpec], clock: SteppedClock, own: Sequence[int], partitions: int
    ) -> None:
        self._stages, self._clock = stages, clock
        self._own, self._partitions = own, partitions
        self._read = {topic for stage in stages for topic in stage.inputs}
        self._logs = Logs(partitions, self._read)
        self._pending: Written = {}
        self.tallies: Counter[tuple[str, ...]] = Counter()
        self._folds: dict[tuple[str, int], PartitionFold] = {}
        for stage in stages:
            for partition in own:
                fold = self._folds[stage.name, partition] = stage.make_fold(partition, partitions)
                fold.restored()

    def do(self, step: Step) -> Done:
        """One step."""
        self._append(step.foreign)
        for out, at_ms in step.intake:
            self._logs.append(out, at_ms)
        self._clock.at_ms = step.at_ms
        stage, done = self._stages[step.stage], Done({}, {}, False)
        for partition in self._own:
            records = [r for topic in stage.inputs for r in self._logs.take(topic, partition)]
            if records:
                commit = self._folds[stage.name, partition].fold(records)
                self.tallies.update(commit.tallies)
                self._sort(commit.outputs, partition, done)
        done.waits = bool(self._pending or done.foreign or not self._logs.is_read)
        return done

    def _append(self, foreign: Written) -> None:
        """What the last step wrote here and elsewhere, by the partition it comes from."""
        at_ms = self._clock.at_ms
        for source in sorted(foreign.keys() | self._pending.keys()):
            for out in (*self._pending.get(source, ()), *foreign.get(source, ())):
                self._logs.append(out, at_ms)
        self._pending = {}

    def _sort(self, outs: Iterable[Out], source: int, done: Done) -> None:
        for out in outs:
            if out.topic in FILES and out.value is not None:
                done.published.setdefault(source, []).append(out)
            if out.topic not in self._read:
                continue
            target = out.partition
            if target is None:
                target = partition_of(out.key or b"", self._partitions)
                out = msgspec.structs.replace(out, partition=target)
            place = self._pending if target in self._own else done.foreign
            place.setdefault(source, []).append(out)


def share(partitions: int, workers: int) -> list[range]:
    """Whose partitions are whose."""
    return [range(partitions)[number::workers] for number in range(workers)]
