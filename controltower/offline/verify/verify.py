"""All checks of a verification in their order; each reports its first difference."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain

from controltower.offline.evidence import ChangelogView, Evidence, settled, view_changelog
from controltower.offline.verify.compare import (
    compare_as_sets,
    compare_in_order,
    compare_latest,
    compare_state,
)
from controltower.offline.verify.findings import Check, Difference
from controltower.offline.verify.lifecycle import check_actions, check_exceptions
from controltower.offline.verify.refold import Refolded, refold
from controltower.offline.verify.rules import RULES, How, Rule, written
from controltower.offline.verify.scores import check_answers
from controltower.streaming.partitioner import partition_of
from controltower.streaming.stage import Out, Record, StageSpec
from schemas import topics

#: Their state is a function of one log; that of normalize also follows the wall clock of a live feed.
_COMPARED_STATES = ("assign", "track", "recover")
#: The model's answers stand in the log and Redis is no topic.
_REFOLDED = ("normalize", *_COMPARED_STATES)


class Verification:
    """Checks one body of evidence. `stages` are the specs as the live system runs them."""

    def __init__(
        self, evidence: Evidence, stages: Sequence[StageSpec], told: Callable[[str], None] = lambda _: None
    ) -> None:
        self._evidence = evidence
        self._stages = {stage.name: stage for stage in stages if stage.name in _REFOLDED}
        self._told = told

    def run(self) -> Iterator[Check]:
        """The checks one by one; when the beginning of a log is gone, only that."""
        gone = self._find_gone()
        yield Check("beginnings of the logs", len(self._evidence.topics), "topics", gone)
        if gone:
            return
        for stage in self._stages.values():
            self._told(stage.name)
            yield from self._check_stage(stage)
        yield check_exceptions(self._all(topics.EXCEPTIONS))
        yield check_actions(self._all(topics.DISPATCH))
        yield self._check_answers()

    def _find_gone(self) -> str | None:
        for name in sorted(self._evidence.topics):
            for partition in range(self._evidence.partitions):
                first = self._evidence.first_offset(name, partition)
                if first > 0 and topics.BY_NAME[name].role is not topics.Role.CHANGELOG:
                    return (
                        f"the beginning of {name}/{partition} is gone: it starts at offset {first}, "
                        "so the replay has nothing to start from"
                    )
        return None

    def _check_answers(self) -> Check:
        asked: list[Record] = []
        owed: list[Record] = []
        for partition in range(self._evidence.partitions):
            position = _position(self._view("score", partition), topics.SCORE_REQUESTS)
            for record in self._evidence.read(topics.SCORE_REQUESTS, partition):
                asked.append(record)
                if position is None or record.offset < position:
                    owed.append(record)
        logs = (topics.ROUTE_EVENTS, topics.SHIPMENT_EVENTS)
        return check_answers(asked, owed, chain.from_iterable(map(self._all, logs)))

    def _all(self, topic: str) -> Iterator[Record]:
        return chain.from_iterable(
            settled(self._evidence, topic, partition) for partition in range(self._evidence.partitions)
        )

    def _check_stage(self, stage: StageSpec) -> Iterator[Check]:
        partitions = range(self._evidence.partitions)
        views = [self._view(stage.name, partition) for partition in partitions]
        refolded = [
            self._refold(stage, topic, partition, _position(view, topic))
            for partition, view in zip(partitions, views, strict=True)
            for topic in stage.inputs
        ]
        for rule in RULES:
            if rule.stage == stage.name:
                yield self._check_rule(rule, refolded)
        if stage.name in _COMPARED_STATES and stage.changelog in self._evidence.topics:
            yield _check_states(stage, refolded, views)

    def _view(self, stage: str, partition: int) -> ChangelogView:
        changelog = topics.changelog_of(stage)
        if changelog not in self._evidence.topics:
            return ChangelogView()
        return view_changelog(self._evidence.read(changelog, partition))

    def _refold(self, stage: StageSpec, topic: str, partition: int, position: int | None) -> Refolded:
        log = self._evidence.read(topic, partition)
        return refold(stage, partition, self._evidence.partitions, log, position)

    def _check_rule(self, rule: Rule, refolded: Sequence[Refolded]) -> Check:
        compared = 0
        try:
            behind, later = self._by_partition(rule, refolded)
            for partition in range(self._evidence.partitions):
                records = settled(self._evidence, rule.topic, partition)
                found = [record for record in records if written(rule, record)]
                compared += len(found)
                _compare(rule, f"{rule.topic}/{partition}", behind[partition], later[partition], found)
        except Difference as difference:
            return Check(f"{rule.stage} -> {rule.topic}", compared, "records", str(difference))
        return Check(f"{rule.stage} -> {rule.topic}", compared, "records")

    def _by_partition(
        self, rule: Rule, refolded: Sequence[Refolded]
    ) -> tuple[Mapping[int, list[Out]], Mapping[int, list[Out]]]:
        behind: defaultdict[int, list[Out]] = defaultdict(list)
        later: defaultdict[int, list[Out]] = defaultdict(list)
        for result in refolded:
            for number, out in enumerate(result.outputs):
                if out.topic == rule.topic and written(rule, out):
                    group = behind if number < result.settled else later
                    group[_partition_of(out, self._evidence.partitions)].append(out)
        return behind, later


def _position(view: ChangelogView, topic: str) -> int | None:
    """The first offset not folded; None where no position was stored: an offline run folds everything."""
    return view.positions.get(topic, 0) if view.positions else None


def _compare(rule: Rule, where: str, behind: list[Out], later: list[Out], found: list[Record]) -> None:
    if rule.how is How.IN_ORDER:
        compare_in_order(where, [*behind, *later], len(behind), found)
    elif rule.how is How.AS_SET:
        compare_as_sets(where, behind, later, found)
    else:
        compare_latest(where, [*behind, *later], len(behind), found)


def _check_states(stage: StageSpec, refolded: Sequence[Refolded], views: Sequence[ChangelogView]) -> Check:
    name, entries = f"{stage.name} -> {stage.changelog}", 0
    try:
        for partition, view in enumerate(views):
            state: dict[bytes, bytes] = {}
            for result in refolded[partition * len(stage.inputs) :][: len(stage.inputs)]:
                state |= result.state
            compare_state(f"{stage.changelog}/{partition}", state, view.entries)
            entries += len(view.entries)
    except Difference as difference:
        return Check(name, entries, "states", str(difference))
    return Check(name, entries, "states")


def _partition_of(out: Out, partitions: int) -> int:
    return partition_of(out.key or b"", partitions) if out.partition is None else out.partition
