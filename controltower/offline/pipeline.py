"""All stages in one process, in stream time, through the same folds as live.

A clock window (10 s of stream time) is folded stage by stage, so what a stage answers into a log that an
earlier stage reads (scores, actions) stands at the end of the window. The result depends on nothing but the
input and the partition count.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from controltower.intake import Payload
from controltower.offline.logs import Logs
from controltower.offline.windows import Timed, clock_windows
from controltower.streaming.stage import Out, PartitionFold, Record, StageSpec
from schemas.wire import Plan

#: Answers to answers: more rounds than this after the last record would be a loop between stages.
MOST_ROUNDS = 1000


class SteppedClock:
    """The wall clock of a replay: the end of the window that is being folded."""

    def __init__(self) -> None:
        self.at_ms = 0

    def now_ms(self) -> int:
        return self.at_ms


class Pipeline:
    """Stages in the order of their flow; `tallies` is what they count, as metrics do live."""

    def __init__(self, stages: Sequence[StageSpec], partitions: int, clock: SteppedClock) -> None:
        self._stages = stages
        self._partitions = partitions
        self._clock = clock
        self._logs = Logs(partitions, {topic for stage in stages for topic in stage.inputs})
        self._folds: dict[tuple[str, int], PartitionFold] = {}
        self.tallies: Counter[tuple[str, ...]] = Counter()
        for stage in stages:
            for partition in range(partitions):
                fold = self._folds[stage.name, partition] = stage.make_fold(partition, partitions)
                fold.restored()

    def run(self, plans: Iterable[Plan], arrivals: Iterable[Payload]) -> Iterator[Record]:
        """Every record of every topic as it is appended, intake and changelogs included."""
        yield from self.run_windows(clock_windows(plans, arrivals, self._partitions))

    def run_windows(self, windows: Iterable[tuple[int, list[Timed]]]) -> Iterator[Record]:
        """The same for intake that is given window by window, each with its end (ms)."""
        for ends_at_ms, intake in windows:
            for out, received_ms in intake:
                yield self._logs.append(out, received_ms)
            yield from self._fold_window(ends_at_ms)
        yield from self._settle()

    def _settle(self) -> Iterator[Record]:
        for _ in range(MOST_ROUNDS):
            if self._logs.is_read:
                return
            yield from self._fold_window(self._clock.at_ms)
        raise RuntimeError("the stages keep answering each other")

    def _fold_window(self, ends_at_ms: int) -> Iterator[Record]:
        self._clock.at_ms = ends_at_ms
        for stage in self._stages:
            # all of a stage's partitions first: what it writes into its own input waits for the next window
            taken = [
                [r for topic in stage.inputs for r in self._logs.take(topic, partition)]
                for partition in range(self._partitions)
            ]
            for partition, records in enumerate(taken):
                if records:
                    yield from self._fold(stage, partition, records, ends_at_ms)

    def _fold(self, stage: StageSpec, partition: int, records: list[Record], at_ms: int) -> Iterator[Record]:
        commit = self._folds[stage.name, partition].fold(records)
        self.tallies.update(commit.tallies)
        yield from self._append(commit.outputs, at_ms)
        state = (Out(stage.changelog, key, value, partition) for key, value in commit.changes)
        yield from self._append(state, at_ms)

    def _append(self, outs: Iterable[Out], at_ms: int) -> Iterator[Record]:
        for out in outs:
            yield self._logs.append(out, at_ms)
