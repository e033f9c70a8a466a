"""What became of each record of the intake: applied, a copy, late, or a dead letter. Exactly one of these.

By the offline core alone: normalize says what a record leads to, and whoever folds that, track or assign,
says whether it was new to him.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from enum import StrEnum

from controltower.offline.evidence import Evidence
from controltower.offline.verify.records import fingerprint
from controltower.streaming.partitioner import partition_of
from controltower.streaming.stage import Out, StageSpec
from schemas import topics

#: (topic, partition, key, content) of a record that normalize writes
_What = tuple[str, int, bytes | None, bytes]
#: Who judges it, and in whose tallies.
_JUDGES = ((topics.ROUTE_EVENTS, "track"), (topics.SHIPMENT_EVENTS, "assign"))
_COPY = frozenset({"duplicates"})
#: Too old for its route or parcel, or its route is over.
_LATE = frozenset({"late", "dropped", "after_end"})


class Fate(StrEnum):
    APPLIED = "applied"
    COPY = "copy"
    LATE = "late"
    DEAD_LETTER = "dead letter"


class Fates:
    """What track and assign make of each record of their logs; asked once per record that led to one."""

    def __init__(self, evidence: Evidence, stages: Sequence[StageSpec]) -> None:
        self._partitions = evidence.partitions
        self._known: defaultdict[_What, deque[Fate]] = defaultdict(deque)
        by_name = {stage.name: stage for stage in stages}
        for topic, judge in _JUDGES:
            for partition in range(evidence.partitions):
                for what, fate in self._judged(evidence, by_name[judge], topic, partition):
                    self._known[what].append(fate)

    def _judged(
        self, evidence: Evidence, stage: StageSpec, topic: str, partition: int
    ) -> Iterator[tuple[_What, Fate]]:
        fold = stage.make_fold(partition, evidence.partitions)
        fold.restored()
        for record in evidence.read(topic, partition):
            names = {tally[0] for tally in fold.fold([record]).tallies}
            fate = Fate.LATE if names & _LATE else Fate.COPY if names & _COPY else Fate.APPLIED
            yield (topic, partition, record.key, fingerprint(record.value)), fate

    def of(self, outs: Sequence[Out]) -> Fate:
        """Of an accepted record by what it led to: applied where any of it was, or where it led to nothing.

        A record that only said that its carrier is alive is applied by being counted.
        """
        fates = [fate for out in outs if (fate := self._take(out)) is not None]
        return min(fates, key=list(Fate).index, default=Fate.APPLIED)

    def _take(self, out: Out) -> Fate | None:
        partition = partition_of(out.key or b"", self._partitions) if out.partition is None else out.partition
        known = self._known.get((out.topic, partition, out.key, fingerprint(out.value)))
        return known.popleft() if known else None
