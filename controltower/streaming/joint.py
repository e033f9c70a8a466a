"""Several folds in one stage, each with topics and a part of the changelog of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from controltower.streaming.stage import Commit, PartitionFold, Record


@dataclass(slots=True, frozen=True)
class Part:
    """`prefix` stands before the fold's changelog keys; one part may have none."""

    topics: frozenset[str]
    prefix: bytes
    fold: PartitionFold


class JointFold:
    """A PartitionFold of others that share nothing but the transaction. What a fold may be besides (Begins,
    Waits, KeepsElsewhere) is not asked of them."""

    def __init__(self, parts: Iterable[Part]) -> None:
        #: longest prefix first: the part without one takes what is left
        self._parts = sorted(parts, key=lambda part: len(part.prefix), reverse=True)

    def restore(self, key: bytes, value: bytes) -> None:
        for part in self._parts:
            if key.startswith(part.prefix):
                part.fold.restore(key[len(part.prefix) :], value)
                return

    def restored(self) -> None:
        for part in self._parts:
            part.fold.restored()

    def fold(self, records: Sequence[Record]) -> Commit:
        commits = []
        for part in self._parts:
            own = [record for record in records if record.topic in part.topics]
            if own:
                commits.append(_prefixed(part.fold.fold(own), part.prefix))
        return _joined(commits)

    def idle(self, ends: Mapping[str, int]) -> Commit | None:
        found = [(part, part.fold.idle(ends)) for part in self._parts]
        commits = [_prefixed(commit, part.prefix) for part, commit in found if commit is not None]
        return _joined(commits) if commits else None


def _prefixed(commit: Commit, prefix: bytes) -> Commit:
    if prefix:
        commit.changes = [(prefix + key, value) for key, value in commit.changes]
    return commit


def _joined(commits: Sequence[Commit]) -> Commit:
    joined = Commit()
    tallies: Counter[tuple[str, ...]] = Counter()
    for commit in commits:
        joined.outputs += commit.outputs
        joined.changes += commit.changes
        tallies.update(commit.tallies)
    joined.tallies = dict(tallies)
    return joined
