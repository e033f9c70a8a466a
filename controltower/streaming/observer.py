"""What the streaming edge tells the outside; metrics implement it elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class StreamObserver(Protocol):
    """Called from the event loop or from worker threads: implementations must be thread-safe and quick."""

    def records_in(self, stage: str, topic: str, records: int) -> None:
        """Records handed to the fold."""

    def transaction(self, stage: str, seconds: float, records: int, outputs: int) -> None:
        """A transaction committed: its duration, records folded in it, records produced by it."""

    def tallies(self, stage: str, tallies: Mapping[tuple[str, ...], int]) -> None:
        """What a committed fold counted: (name, label values...) -> n."""

    def restoring(self, stage: str, share: float) -> None:
        """How much of the state of newly assigned partitions is restored, 0 to 1, about once a second."""

    def restored(self, stage: str, partition: int, entries: int, seconds: float) -> None:
        """A partition was taken over; live changelog entries and duration."""

    def rebalanced(self, stage: str) -> None:
        """A new assignment arrived."""

    def fenced(self, stage: str) -> None:
        """A write was refused because another process owns the partition."""

    def lag(self, stage: str, topic: str, partition: int, records: int) -> None:
        """Offsets between what is committed and the end of the partition (control records included)."""

    def behind(self, stage: str, topic: str, partition: int, seconds: float) -> None:
        """How old, by the broker's clock, the point is up to which everything is committed."""

    def busy(self, stage: str, seconds: float) -> None:
        """For how long the slowest partition has owed a commit."""

    def beat(self) -> None:
        """About once a second: the event loop turns."""

    def ready(self, ready: bool) -> None:
        """True while the group is joined, every owned partition is restored, and the broker answers."""


class NullObserver:
    """Observes nothing."""

    def records_in(self, stage: str, topic: str, records: int) -> None: ...
    def transaction(self, stage: str, seconds: float, records: int, outputs: int) -> None: ...
    def tallies(self, stage: str, tallies: Mapping[tuple[str, ...], int]) -> None: ...
    def restoring(self, stage: str, share: float) -> None: ...
    def restored(self, stage: str, partition: int, entries: int, seconds: float) -> None: ...
    def rebalanced(self, stage: str) -> None: ...
    def fenced(self, stage: str) -> None: ...
    def lag(self, stage: str, topic: str, partition: int, records: int) -> None: ...
    def behind(self, stage: str, topic: str, partition: int, seconds: float) -> None: ...
    def busy(self, stage: str, seconds: float) -> None: ...
    def beat(self) -> None: ...
    def ready(self, ready: bool) -> None: ...
