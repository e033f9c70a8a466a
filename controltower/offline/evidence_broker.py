"""Evidence from a running or a resting system on a broker."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from controltower.offline.broker import BrokerError, TopicTail, find_partitions
from controltower.streaming.positions import decode_position, find_position_topic
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
        #: (changelog, partition, input topic) -> first offset not folded
        self._positions: dict[tuple[str, int, str], int] = {}
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

    def count_owed(self) -> int:
        """How many records of all that were read the stages had not folded when their positions were read."""
        return self._count_behind(self._input_ends())

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
            if record.topic in self._changelogs:
                self._note_position(record)
            if number % 5000 == 0:
                progress(self._read_total(), self._tail.records_ahead(), behind)

    def _note_position(self, record: Record) -> None:
        topic = find_position_topic(record.key or b"")
        if topic is not None and record.value is not None:
            next_offset = decode_position(record.value).next_offset
            self._positions[record.topic, record.partition, topic] = next_offset

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
        changelogs = {stage.name: stage.changelog for stage in self._stages}
        behind = 0
        for (stage, topic, partition), end in owed.items():
            done = self._positions.get((changelogs[stage], partition, topic), 0)
            records = self._records[topic, partition]
            first, last = (bisect_left(records, at, key=_offset_of) for at in (done, end))
            behind += max(0, last - first)
        return behind


def _offset_of(record: Record) -> int:
    return record.offset
