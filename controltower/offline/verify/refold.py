"""One partition of a stage folded again from its log."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from controltower.streaming.stage import Out, PartitionFold, Record, StageSpec

#: Not the size of live polls on purpose: the result must not depend on it.
_BATCH = 997


@dataclass(slots=True)
class Refolded:
    """What the fold wrote. The first `settled` outputs and `state` are as of the stage's stored position."""

    outputs: list[Out] = field(default_factory=list)
    settled: int = 0
    state: dict[bytes, bytes] = field(default_factory=dict)
    records: int = 0


def refold(
    stage: StageSpec, partition: int, partitions: int, log: Iterable[Record], position: int | None
) -> Refolded:
    """Fold a whole log of a stage; `position` None: the stage has folded all of it."""
    records = list(log)
    behind = [r for r in records if position is None or r.offset < position]
    fold = stage.make_fold(partition, partitions)
    fold.restored()
    result = Refolded(records=len(records))
    _fold_all(fold, behind, result, keep_state=True)
    result.settled = len(result.outputs)
    _fold_all(fold, records[len(behind) :], result, keep_state=False)
    return result


def _fold_all(fold: PartitionFold, records: Sequence[Record], result: Refolded, *, keep_state: bool) -> None:
    for start in range(0, len(records), _BATCH):
        commit = fold.fold(records[start : start + _BATCH])
        result.outputs.extend(commit.outputs)
        if not keep_state:
            continue
        for key, value in commit.changes:
            if value is None:
                result.state.pop(key, None)
            else:
                result.state[key] = value
