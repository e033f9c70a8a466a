"""What the ownership of partitions needs from the consumer; the patched Faust consumer provides it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple, Protocol


class TopicPartition(NamedTuple):
    topic: str
    partition: int


class ReadEnd(NamedTuple):
    """A partition read to its end: nothing came behind `position` up to our wall-clock `asked_at_ms`.

    `log_end` is the end then; between the two stand markers and what was taken back.
    """

    position: int
    asked_at_ms: float
    log_end: int


class ConsumerEdge(Protocol):
    """Called from the main event loop; the consumer lives in a thread of its own."""

    async def seek(self, offsets: Mapping[TopicPartition, int]) -> int:
        """Go to the offsets; returns the label of every fetch made from there on."""

    async def read_ends(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, ReadEnd]:
        """Those of the partitions of which everything at the broker has been handed out."""

    async def show_lag(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Commit the offsets to the group, for onlookers; errors are logged."""

    def find_end(self, partition: TopicPartition) -> int | None:
        """The last known end of the partition."""

    def room_changed(self) -> None:
        """What may be fetched has changed."""
