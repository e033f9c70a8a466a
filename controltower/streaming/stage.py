"""The contract between the streaming edge and the pure logic of a stage."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import msgspec

#: Of a record: what outsiders send may be null. Compiled code holds them to this type.
Headers = tuple[tuple[str, bytes | None], ...]


class Record(msgspec.Struct, frozen=True, gc=False):
    """One consumed record. `timestamp_ms` is the broker's append time where the topic says so.

    A struct, like Out: a frozen dataclass takes ten times as long to make, for every event of a stage.
    """

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()


class Out(msgspec.Struct, frozen=True, gc=False):
    """One record to produce. `partition` None: murmur2 of the key, as Java's default partitioner."""

    topic: str
    key: bytes | None
    value: bytes | None
    partition: int | None = None
    headers: Headers = ()


@dataclass(slots=True)
class Commit:
    """What one poll leaves behind; it is written in one transaction or not at all."""

    outputs: list[Out] = field(default_factory=list)
    #: changelog key -> value; None deletes the entry
    changes: list[tuple[bytes, bytes | None]] = field(default_factory=list)
    #: (counter name, label values...) -> how many; counted as metrics once the transaction is committed
    tallies: dict[tuple[str, ...], int] = field(default_factory=dict)


class PartitionFold(Protocol):
    """The pure logic of one stage for one partition number; one instance per owned partition."""

    def restore(self, key: bytes, value: bytes) -> None:
        """Take one live changelog entry (the edge's own position entries are left out)."""

    def restored(self) -> None:
        """All entries have been given; folding starts."""

    def fold(self, records: Sequence[Record]) -> Commit:
        """Fold one poll: records of one partition number, possibly of several input topics.

        Within a topic they are in offset order. Nothing may depend on where polls begin and end.
        """

    def idle(self, ends: Mapping[str, int]) -> Commit | None:
        """About once a second while the partition owes nothing.

        `ends` has each input topic that is read to its end and the time (ms, the broker's clock as far
        as it is known) at which the broker last confirmed that. None: nothing to write.
        """


@runtime_checkable
class KeepsElsewhere(Protocol):
    """A fold whose state stands in a store of its own, which may have lost what it had confirmed."""

    def start_from(self, starts: Mapping[str, int]) -> Mapping[str, int]:
        """After restored(): where to read on, given where the changelog says; earlier or the same."""


@runtime_checkable
class Begins(Protocol):
    """A fold that finds something out when a partition is taken over, and would find something else the next
    time."""

    def begin(self) -> Sequence[tuple[bytes, bytes | None]]:
        """After restored(): changes of the changelog that stand in it before anything is read."""


class Unfinished(Exception):
    """fold() gave up waiting, as it was asked to; the same records will come again."""


@runtime_checkable
class Waits(Protocol):
    """A blocking fold that may wait long for something outside. Called while fold() may be running."""

    def give_up(self) -> None:
        """The stage stops or rebalances: a fold() that waits raises Unfinished soon."""

    def go_on(self) -> None:
        """The partition is ours again, and the fold is as it was before the unfinished records."""


FoldFactory = Callable[[int, int], PartitionFold]


@dataclass(slots=True, frozen=True)
class StageSpec:
    """A stage: what it reads, where its state and position are kept, and how its logic is made.

    make_fold(partition, partitions) is called when a partition is taken over.
    blocking: fold() may be slow (I/O), so it runs in a thread instead of the event loop.
    changelog_schema: version of what the fold writes into its changelog; a newer one is refused.
    idles: fold.idle() may have something to say; a stage that lives by its records alone is never asked.
    gathers: fetches gather so many times as long as in others; more for a stage that nobody waits for to the
        tenth of a second, less for one that reads what another has gathered already.
    """

    name: str
    inputs: tuple[str, ...]
    changelog: str
    make_fold: FoldFactory
    blocking: bool = False
    changelog_schema: int = 1
    idles: bool = True
    gathers: float = 1.0
