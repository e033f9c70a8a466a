"""The judge of a day that two versions worked on: it asks for nothing that a new version may do otherwise.

No input is missing or passed on twice, no life of a route, an exception or an action has a gap or a second
end. That both decide the same is left to `judge`, where one version does everything.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

import msgspec

from agents.app import build_offline_stages
from controltower.offline.evidence import Evidence
from controltower.offline.evidence_broker import BrokerEvidence
from controltower.offline.verify.lifecycle import check_actions, check_exceptions
from controltower.offline.verify.records import fingerprint
from controltower.settings import load_settings
from controltower.streaming.stage import Record, StageSpec
from schemas import topics
from tests.fault.judge import Place, Verdict, find_unresolved, is_mark, letters_in, settle, source_of

_LOGS = (topics.ROUTE_EVENTS, topics.SHIPMENT_EVENTS)


class _Status(msgspec.Struct):
    route_id: str
    seq: int


def judge_mixed(brokers: str, wait_s: float) -> Verdict:
    """As judge.judge; `applied` are the records that were passed on or only counted."""
    stages = build_offline_stages(load_settings({"brokers": brokers}), lambda: 0)
    evidence, verdict = BrokerEvidence(brokers, {}, stages), Verdict()
    try:
        verdict.lost = settle(evidence, wait_s)
        normalize = next(stage for stage in stages if stage.name == "normalize")
        _account(evidence, normalize, verdict)
        for check in (
            check_exceptions(_all(evidence, topics.EXCEPTIONS)),
            check_actions(_all(evidence, topics.DISPATCH)),
        ):
            verdict.differences += [f"{check.name}: {check.difference}"] if check.difference else []
        verdict.differences += _broken_statuses(evidence)
        verdict.unresolved = len(find_unresolved(evidence))
        if verdict.lost or verdict.twice:
            verdict.differences.append(f"{verdict.lost} lost, {verdict.twice} twice")
        return verdict
    finally:
        evidence.close()


def _all(evidence: Evidence, topic: str) -> Iterator[Record]:
    for partition in range(evidence.partitions):
        yield from evidence.read(topic, partition)


def _account(evidence: Evidence, normalize: StageSpec, verdict: Verdict) -> None:
    passed_on, letters = _passed_on(evidence), Counter(letters_in(evidence))
    verdict.twice = sum(times - 1 for found in passed_on.values() for times in found.values())
    verdict.dead_lettered = letters.total()
    for partition in range(evidence.partitions):
        for topic in normalize.inputs:
            fold = normalize.make_fold(partition, evidence.partitions)
            fold.restored()
            for record in evidence.read(topic, partition):
                place, outs = (topic, partition, record.offset), fold.fold([record]).outputs
                if is_mark(record) and not letters[place]:
                    continue
                owes = any(out.topic in _LOGS and source_of(out.value) == place for out in outs)
                verdict.records_in += 1
                verdict.applied += not letters[place]
                verdict.lost += owes and not passed_on[place] and not letters[place]
                verdict.twice += max(0, letters[place] - 1) + bool(letters[place] and passed_on[place])


def _passed_on(evidence: Evidence) -> defaultdict[Place, Counter[bytes]]:
    """What stands in the logs of each intake record; the same twice is one too many."""
    found: defaultdict[Place, Counter[bytes]] = defaultdict(Counter)
    for topic in _LOGS:
        for record in _all(evidence, topic):
            place = source_of(record.value)
            if place is not None:
                found[place][topic.encode() + fingerprint(record.value)] += 1
    return found


def _broken_statuses(evidence: Evidence) -> Sequence[str]:
    """Routes whose statuses are not numbered one after the other."""
    last: dict[str, int] = {}
    broken = []
    for record in _all(evidence, topics.ROUTE_STATUS):
        if record.value is not None:
            status = msgspec.json.decode(record.value, type=_Status)
            if status.seq != last.get(status.route_id, 0) + 1:
                broken.append(f"status {status.seq} of a route follows {last.get(status.route_id, 0)}")
            last[status.route_id] = status.seq
    return broken[:5]
