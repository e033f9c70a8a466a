"""Topics in memory: they give offsets and hold what a stage has not read yet."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection

from controltower.streaming.partitioner import partition_of
from controltower.streaming.stage import Out, Record


class Logs:
    """Topics of one partition count. Only what `kept` topics hold waits for `take`."""

    def __init__(self, partitions: int, kept: Collection[str]) -> None:
        self._partitions = partitions
        self._unread: dict[tuple[str, int], list[Record]] = {
            (topic, partition): [] for topic in kept for partition in range(partitions)
        }
        self._ends: defaultdict[tuple[str, int], int] = defaultdict(int)

    def append(self, out: Out, timestamp_ms: int) -> Record:
        """Append to the partition that `out` names, or that its key belongs to."""
        partition = out.partition
        if partition is None:
            partition = partition_of(out.key or b"", self._partitions)
        place = (out.topic, partition)
        record = Record(
            out.topic, partition, self._ends[place], timestamp_ms, out.key, out.value, tuple(out.headers)
        )
        self._ends[place] += 1
        if place in self._unread:
            self._unread[place].append(record)
        return record

    def take(self, topic: str, partition: int) -> list[Record]:
        """What was appended since the last call, in order of offset."""
        taken = self._unread[topic, partition]
        if taken:
            self._unread[topic, partition] = []
        return taken

    @property
    def is_read(self) -> bool:
        """True when nothing waits."""
        return not any(self._unread.values())
