"""What `verify` judges: the records of all topics, from a broker or a recording."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from controltower.streaming.positions import decode_position, find_position_topic
from controltower.streaming.stage import Record


class Evidence(Protocol):
    """The topics as they were found. Below `settled_end` an output's inputs are surely among them."""

    @property
    def partitions(self) -> int: ...
    @property
    def topics(self) -> frozenset[str]: ...
    def first_offset(self, topic: str, partition: int) -> int: ...
    def settled_end(self, topic: str, partition: int) -> float: ...
    def read(self, topic: str, partition: int) -> Iterable[Record]: ...


@dataclass(slots=True)
class ChangelogView:
    """A changelog partition: the stage's live entries, and per input topic the first offset not folded."""

    entries: dict[bytes, bytes] = field(default_factory=dict)
    positions: dict[str, int] = field(default_factory=dict)


def view_changelog(records: Iterable[Record]) -> ChangelogView:
    """Raises streaming.exits.Refused for a position that can't be read."""
    view = ChangelogView()
    for record in records:
        if record.key is None:
            continue
        topic = find_position_topic(record.key)
        if topic is None:
            _take(view.entries, record.key, record.value)
        elif record.value is not None:
            view.positions[topic] = decode_position(record.value).next_offset
    return view


def _take(entries: dict[bytes, bytes], key: bytes, value: bytes | None) -> None:
    if value is None:
        entries.pop(key, None)
    else:
        entries[key] = value


def settled(evidence: Evidence, topic: str, partition: int) -> Iterator[Record]:
    """The records of an output whose inputs are surely known."""
    end = evidence.settled_end(topic, partition)
    return (record for record in evidence.read(topic, partition) if record.offset < end)
