"""Evidence from a running or a resting system on a broker."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from controltower.offline.broker import BrokerError, TopicTail, find_partitions
from controltower.offline.evidence import view_changelog
from controltower.streaming.stage import Record, StageSpec
from schemas.topics import TOPICS, Role

#: (records read, records still to read, records the stages have still to fold)
Progress = Callable[[int, int, int], None]
_PAUSE_S = 0.5


class BrokerEvidence:
    """Changelogs are read first, then the ends of all topics noted, then the topics read.

    So what a changelog covers is among the outputs, and what stands below the noted ends was made of
    inputs that are read: the comparison is exact although the system may go on.
    """

    def __init__(self, brokers: str, security: Mapping[str, str], stages: Sequence[StageSpec]) -> None:
        """Raises BrokerError when the broker is silent or topics are missing."""
        found = find_partitions(brokers, security)
        names = [topic.name for topic in TOPICS if topic.role is not Role.CHANGELOG]
        self._changelogs = [stage.changelog for stage in stages]
        missing = [name for name in (*names, *self._changelogs) if name not in found]
        if missing:
            raise BrokerError(f"Kafka at {brokers} has no topic {missing[0]}")
        self.partitions = found[names[0]]
        self.topics = frozenset((*names, *self._changelogs))
        self._stages = stages
        self._records: defaultdict[tuple[str, int], list[Record]] = defaultdict(list)
        self._ends: dict[tuple[str, int], int] = {}
        self._state_tail = TopicTail(brokers, security, self._changelogs, self.partitions)
        self._tail = TopicTail(brokers, security, names, self.partitions)

    def close(self) -> None:
        self._state_tail.close()
        self._tail.close()

    def gather(self, wait_s: float, progress: Progress) -> int:
        """Read until the stages have folded all input found at first, or `wait_s` is over.

        Returns how many input records they still owe. Raises BrokerError.
        """
        deadline = time.monotonic() + wait_s
        owed: dict[tuple[str, str, int], int] | None = None
        while True:
            self._take(self._state_tail.catch_up(), progress, 0)
            self._ends = self._tail.ends()
            self._take(self._tail.catch_up(), progress, 0)
            owed = self._input_ends() if owed is None else owed
            behind = self._count_behind(owed)
            progress(self._read_total(), self._tail.records_ahead(), behind)
            if not behind or time.monotonic() > deadline:
                return behind
            time.sleep(_PAUSE_S)

    def first_offset(self, topic: str, partition: int) -> int:
        tail = self._state_tail if topic in self._changelogs else self._tail
        return tail.first_offsets[topic, partition]

    def settled_end(self, topic: str, partition: int) -> float:
        return self._ends[topic, partition]

    def read(self, topic: str, partition: int) -> Iterable[Record]:
        return self._records[topic, partition]

    def _take(self, records: Iterable[Record], progress: Progress, behind: int) -> None:
        for number, record in enumerate(records):
            self._records[record.topic, record.partition].append(record)
            if number % 5000 == 0:
                progress(self._read_total(), self._tail.records_ahead(), behind)

    def _read_total(self) -> int:
        return sum(map(len, self._records.values()))

    def _input_ends(self) -> dict[tuple[str, str, int], int]:
        """Per (stage, input topic, partition): the offset after the last record."""
        ends = {}
        for stage in self._stages:
            for topic in stage.inputs:
                for partition in range(self.partitions):
                    records = self._records[topic, partition]
                    if records:
                        ends[stage.name, topic, partition] = records[-1].offset + 1
        return ends

    def _count_behind(self, owed: Mapping[tuple[str, str, int], int]) -> int:
        behind = 0
        for stage in self._stages:
            for partition in range(self.partitions):
                positions = view_changelog(self._records[stage.changelog, partition]).positions
                for topic in stage.inputs:
                    end = owed.get((stage.name, topic, partition), 0)
                    done = positions.get(topic, 0)
                    behind += sum(1 for r in self._records[topic, partition] if done <= r.offset < end)
        return behind
