"""One fetch of one partition, on its way from the consumer's thread to the fold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from controltower.streaming.stage import Record


@dataclass(slots=True, frozen=True)
class Poll:
    """The records from `start` up to `end`, both counted by the consumer's position.

    Offsets of records can't tell whether a poll is missing, since control records and compaction leave
    holes; start and end can. `label` is the seek after which the fetch was made.
    """

    topic: str
    partition: int
    label: int
    start: int
    end: int
    records: Sequence[Record]

    @property
    def size(self) -> int:
        return len(self.records)


def to_records(polls: Sequence[Poll]) -> list[Record]:
    """The records of several polls of one partition number, in order of the polls."""
    return [record for poll in polls for record in poll.records]


def join_polls(earlier: Sequence[Poll], later: Sequence[Poll]) -> list[Poll]:
    """One poll per partition from two fetches of which one follows the other, without a seek between."""
    joined = {(poll.topic, poll.partition): poll for poll in earlier}
    for poll in later:
        before = joined.get((poll.topic, poll.partition))
        if before is not None:
            poll = replace(before, end=poll.end, records=[*before.records, *poll.records])
        joined[poll.topic, poll.partition] = poll
    return list(joined.values())
