"""Whether the stages run, and keep up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from confluent_kafka import (
    Consumer,
    ConsumerGroupState,
    ConsumerGroupTopicPartitions,
    KafkaException,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient

from controltower.doctor.finding import Finding, ok, warn
from controltower.doctor.kafka import ANSWER_S
from controltower.streaming.kafka_config import client_config, reader_config
from schemas.topics import STAGES

#: Some seconds of a large feed; control records count too.
_LAG_NOTICED = 10_000
_ABSENT = (ConsumerGroupState.EMPTY, ConsumerGroupState.DEAD, ConsumerGroupState.UNKNOWN)


@dataclass(slots=True, frozen=True)
class Group:
    """A stage's consumer group. lag: offsets behind the ends of its inputs; None where never committed."""

    running: bool
    settled: bool
    members: int
    lag: int | None


def judge_group(stage: str, group: Group) -> Finding:
    """The least lag that is worth a word is some seconds of work; a group without members is none."""
    behind = "" if group.lag is None else f", {group.lag:,} records behind"
    if not group.running:
        return warn(f"stage {stage}", f"does not run{behind}", f"controltower worker, or --stage {stage}")
    if not group.settled:
        return warn(f"stage {stage}", "is sharing out its partitions", "look again in some seconds")
    if group.lag is not None and group.lag > _LAG_NOTICED:
        hint = (
            f"start another process of it: controltower worker --stage {stage}; docs/runbooks/LagGrowing.md"
        )
        return warn(f"stage {stage}", f"runs{behind}", hint)
    return ok(f"stage {stage}", f"runs with {group.members} process{'es' * (group.members > 1)}{behind}")


def check_groups(
    brokers: str, security: Mapping[str, str], app_id: str, stages: Sequence[str] = STAGES
) -> Iterator[Finding]:
    """One finding per stage."""
    admin = AdminClient({**client_config(brokers, security), "log_level": 0})
    reader = Consumer({**reader_config(brokers, security, f"{app_id}-doctor"), "log_level": 0})
    try:
        for stage in stages:
            try:
                yield judge_group(stage, _look(admin, reader, f"{app_id}-{stage}"))
            except KafkaException as failed:
                why = failed.args[0].str()
                yield warn(
                    f"stage {stage}", f"its group cannot be looked at: {why}", "grant Describe on the group"
                )
    finally:
        reader.close()


def _look(admin: AdminClient, reader: Consumer, name: str) -> Group:
    try:
        found = admin.describe_consumer_groups([name], request_timeout=ANSWER_S)[name].result()
    except KafkaException as failed:
        if failed.args[0].name() == "GROUP_ID_NOT_FOUND":
            return Group(running=False, settled=False, members=0, lag=None)
        raise
    return Group(
        running=found.state not in _ABSENT,
        settled=found.state is ConsumerGroupState.STABLE,
        members=len(found.members),
        lag=_lag(admin, reader, name),
    )


def _lag(admin: AdminClient, reader: Consumer, name: str) -> int | None:
    (future,) = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(name)]).values()
    committed = [tp for tp in future.result(ANSWER_S).topic_partitions if tp.offset >= 0]
    ends = {
        (tp.topic, tp.partition): reader.get_watermark_offsets(
            TopicPartition(tp.topic, tp.partition), timeout=ANSWER_S
        )[1]
        for tp in committed
    }
    return sum(max(0, ends[tp.topic, tp.partition] - tp.offset) for tp in committed) if committed else None
