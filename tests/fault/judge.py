"""The judge: `verify` on the topics as a read_committed reader sees them, and the counts of the table.

It knows nothing of the processes: it folds the input again with the offline core and compares.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from agents.app import build_offline_stages
from controltower.intake import CLOCK_HEADER, SOURCE_HEADER
from controltower.offline.evidence import Evidence, view_changelog
from controltower.offline.evidence_broker import BrokerEvidence
from controltower.offline.verify.records import fingerprint
from controltower.offline.verify.refold import refold
from controltower.offline.verify.rules import RULES, How, Rule, written
from controltower.offline.verify.verify import Verification
from controltower.settings import load_settings
from controltower.streaming.partitioner import partition_of
from controltower.streaming.stage import Out, Record, StageSpec
from schemas import topics
from schemas.vocabulary import TERMINAL_ACTION_STATES, ActionState, Transition
from tests.fault.fates import Fate, Fates

Place = tuple[str, int, int]
_What = tuple[int, bytes | None, bytes]
#: intake, shipment-events, route-events, recovery-events, and twice back to the route with an answer
_MOST_HOPS = 8
_REFOLDED = ("normalize", "assign", "track", "recover")


@dataclass(slots=True)
class Verdict:
    """`differences` empty: live equals its replay, and every input record is accounted for once.

    records_in is the sum of applied, copies, late and dead_lettered. unresolved: exceptions still open.
    """

    records_in: int = 0
    applied: int = 0
    copies: int = 0
    late: int = 0
    dead_lettered: int = 0
    unresolved: int = 0
    lost: int = 0
    twice: int = 0
    exceptions_wrong: int = 0
    differences: list[str] = field(default_factory=list)


class _Sourced(msgspec.Struct):
    source: object = None


_decode_sourced = msgspec.json.Decoder(_Sourced).decode


class _Ending(msgspec.Struct):
    exception_id: str = ""
    resolved_at: datetime | None = None


class _Transition(msgspec.Struct):
    exception_id: str
    transition: Transition


class _Step(msgspec.Struct):
    action_id: str
    exception_id: str
    state: ActionState


def judge(brokers: str, wait_s: float) -> Verdict:
    """Read everything once the stages owe nothing, for `wait_s` at most; judge it."""
    stages = build_offline_stages(load_settings({"brokers": brokers}), lambda: 0)
    evidence = BrokerEvidence(brokers, {}, stages)
    try:
        behind = settle(evidence, wait_s)
        verdict = Verdict()
        if behind:
            verdict.differences.append(f"after {wait_s:.0f} s the stages still owe {behind:,} records")
            verdict.lost += behind
            return verdict
        _weigh(evidence, stages, verdict)
        return verdict
    finally:
        evidence.close()


def settle(evidence: BrokerEvidence, wait_s: float) -> int:
    """Read until the stages have folded what was there at first and all that followed from it.

    Returns how much they owe after `wait_s`. Each look takes in what was written since the one before, so as
    many as a record has stages to go through; a clock that ticks on always leaves something new.
    """
    deadline = time.monotonic() + wait_s
    for _ in range(_MOST_HOPS):
        behind = evidence.gather(max(0.0, deadline - time.monotonic()), lambda *_: None)
        if behind or not evidence.count_owed():
            return behind
    return 0


def count_owed(brokers: str, wait_s: float) -> int:
    """How many records the stages still have to read after `wait_s`; 0 as soon as there are none."""
    stages = build_offline_stages(load_settings({"brokers": brokers}), lambda: 0)
    evidence = BrokerEvidence(brokers, {}, stages)
    try:
        return evidence.gather(wait_s, lambda *_: None)
    finally:
        evidence.close()


def _weigh(evidence: Evidence, stages: Sequence[StageSpec], verdict: Verdict) -> None:
    for check in Verification(evidence, stages).run():
        if check.difference is not None:
            verdict.differences.append(f"{check.name}: {check.difference}")
    for stage in stages:
        if stage.name in _REFOLDED:
            _count_outputs(evidence, stage, verdict)
    _account_for_input(evidence, stages, verdict)
    verdict.unresolved = len(find_unresolved(evidence))
    verdict.differences += list(_late_actions(evidence, _stage(stages, "recover")))
    if verdict.lost or verdict.twice or verdict.exceptions_wrong:
        found = f"{verdict.lost} lost, {verdict.twice} twice, {verdict.exceptions_wrong} exceptions wrong"
        verdict.differences.append(found)


def _stage(stages: Sequence[StageSpec], name: str) -> StageSpec:
    return next(stage for stage in stages if stage.name == name)


def _count_outputs(evidence: Evidence, stage: StageSpec, verdict: Verdict) -> None:
    """Outputs that live lacks, or has more often than the replay, as multisets per topic."""
    owed, later = _refold_outputs(evidence, stage)
    for rule in RULES:
        if rule.stage != stage.name or rule.how is How.LATEST:
            continue
        found = Counter(_found(evidence, rule))
        mine, maybe = _of_rule(owed, rule, evidence.partitions), _of_rule(later, rule, evidence.partitions)
        missing, extra = mine - found, found - mine - maybe
        verdict.differences += _show(rule, "lacks", missing) + _show(rule, "has too often", extra)
        lost, twice = missing.total(), extra.total()
        verdict.lost += lost
        verdict.twice += twice
        if rule.topic == topics.EXCEPTIONS:
            invented = sum(count for what, count in extra.items() if what not in mine)
            verdict.exceptions_wrong += lost + invented


def _show(rule: Rule, how: str, what: Counter[_What]) -> list[str]:
    """The first of them, with enough to find it."""
    where = f"{rule.stage} -> {rule.topic}: live {how}"
    return [f"{where} {content.decode(errors='replace')[:600]}" for _, _, content in list(what)[:1]]


def _refold_outputs(evidence: Evidence, stage: StageSpec) -> tuple[list[Out], list[Out]]:
    """What the stage owes as of its stored positions, and what may come after them."""
    owed: list[Out] = []
    later: list[Out] = []
    for partition in range(evidence.partitions):
        view = view_changelog(evidence.read(stage.changelog, partition))
        for topic in stage.inputs:
            log, position = evidence.read(topic, partition), view.positions.get(topic, 0)
            result = refold(stage, partition, evidence.partitions, log, position)
            owed += result.outputs[: result.settled]
            later += result.outputs[result.settled :]
    return owed, later


def _of_rule(outs: Sequence[Out], rule: Rule, partitions: int) -> Counter[_What]:
    mine = (out for out in outs if out.topic == rule.topic and written(rule, out))
    return Counter((_partition_of(out, partitions), out.key, fingerprint(out.value)) for out in mine)


def _partition_of(out: Out, partitions: int) -> int:
    return partition_of(out.key or b"", partitions) if out.partition is None else out.partition


def _found(evidence: Evidence, rule: Rule) -> Iterator[_What]:
    for partition in range(evidence.partitions):
        for record in evidence.read(rule.topic, partition):
            if written(rule, record):
                yield partition, record.key, fingerprint(record.value)


def _account_for_input(evidence: Evidence, stages: Sequence[StageSpec], verdict: Verdict) -> None:
    """Every input offset has one fate; a dead letter stands in live once, what was accepted (its outputs are
    compared above) has none."""
    normalize, fates = _stage(stages, "normalize"), Fates(evidence, stages)
    sources, letters = set(_live_sources(evidence)), Counter(letters_in(evidence))
    counts: Counter[Fate] = Counter()
    for partition in range(evidence.partitions):
        for topic in normalize.inputs:
            fold = normalize.make_fold(partition, evidence.partitions)
            fold.restored()
            for record in evidence.read(topic, partition):
                commit = fold.fold([record])
                rejected = any(tally[0] == "rejected" for tally in commit.tallies)
                if is_mark(record) and not rejected:
                    continue
                verdict.records_in += 1
                counts[Fate.DEAD_LETTER if rejected else fates.of(commit.outputs)] += 1
                place = (topic, partition, record.offset)
                verdict.differences += _misplaced(place, rejected, place in sources, letters[place])
    verdict.applied, verdict.copies, verdict.late = (
        counts[fate] for fate in (Fate.APPLIED, Fate.COPY, Fate.LATE)
    )
    verdict.dead_lettered = letters.total()
    if letters.total() != counts[Fate.DEAD_LETTER]:
        verdict.differences.append(
            f"{letters.total()} dead letters for {counts[Fate.DEAD_LETTER]} rejected records"
        )


def _misplaced(place: Place, rejected: bool, came_out: bool, letters: int) -> Iterator[str]:
    name = f"{place[0]}/{place[1]} offset {place[2]}"
    if rejected and (letters != 1 or came_out):
        passed = "and passed on" if came_out else "not passed on"
        yield f"{name} is to be rejected: {letters} dead letters, {passed}"
    if not rejected and letters:
        yield f"{name}: accepted, and {letters} dead letters"


def is_mark(record: Record) -> bool:
    """Whether it is to tell the time of a recorded day, and no record of a carrier's."""
    return record.value is None and CLOCK_HEADER in dict(record.headers)


def find_unresolved(evidence: Evidence) -> set[str]:
    """Exceptions that were opened and have no RESOLVED; that none has two is among the checks of `verify`."""
    told, resolved = set[str](), set[str]()
    for partition in range(evidence.partitions):
        for record in evidence.read(topics.EXCEPTIONS, partition):
            if record.value is not None:
                line = msgspec.json.decode(record.value, type=_Transition)
                told.add(line.exception_id)
                resolved |= {line.exception_id} if line.transition is Transition.RESOLVED else set()
    return told - resolved


def _live_sources(evidence: Evidence) -> Iterator[Place]:
    for topic in (topics.ROUTE_EVENTS, topics.SHIPMENT_EVENTS):
        for partition in range(evidence.partitions):
            for record in evidence.read(topic, partition):
                place = source_of(record.value)
                if place is not None:
                    yield place


def source_of(value: bytes | None) -> Place | None:
    """Where in the intake the bytes stand that led to this record; None for what has no such place."""
    source = _decode_sourced(value or b"{}").source
    return (source["topic"], source["partition"], source["offset"]) if isinstance(source, dict) else None


def letters_in(evidence: Evidence) -> Iterator[Place]:
    for partition in range(evidence.partitions):
        for record in evidence.read(topics.DEAD_LETTERS, partition):
            topic, number, offset = dict(record.headers)[SOURCE_HEADER].decode().rsplit("/", 2)
            yield topic, int(number), int(offset)


def _late_actions(evidence: Evidence, recover: StageSpec) -> Iterator[str]:
    """No action goes a step further, except to its end, once recover has read the end of its exception.

    Read, not dated: where one partition is ahead of another, an end may bear an earlier time than a step
    that was decided before it was known. That live says what the fold says is compared above.
    """
    for partition in range(evidence.partitions):
        fold = recover.make_fold(partition, evidence.partitions)
        fold.restored()
        ended: set[str] = set()
        for record in evidence.read(topics.RECOVERY_EVENTS, partition):
            ending = msgspec.json.decode(record.value or b"{}", type=_Ending)
            if ending.exception_id and ending.resolved_at is not None:
                ended.add(ending.exception_id)
            for step in _last_steps(fold.fold([record]).outputs):
                if step.exception_id in ended and step.state not in TERMINAL_ACTION_STATES:
                    yield f"action {step.action_id} became {step.state} after its exception had ended"


def _last_steps(outputs: Iterable[Out]) -> Iterable[_Step]:
    """Of each action where one record left it. What fell due before an end is told with it, and called off
    in the same transaction, whether or not a tick came between."""
    steps = (
        msgspec.json.decode(out.value or b"", type=_Step) for out in outputs if out.topic == topics.DISPATCH
    )
    return {step.action_id: step for step in steps}.values()
