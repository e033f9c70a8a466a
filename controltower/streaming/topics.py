"""Creating topics and holding the existing ones against what they should be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType

from controltower.streaming.exits import RestartMe
from controltower.streaming.kafka_config import client_config

CALL_S = 30.0


class TopicSpec(Protocol):
    """How a topic should be; values of `config` are strings, as Kafka's admin tools have them."""

    @property
    def name(self) -> str: ...
    @property
    def partitions(self) -> int: ...
    @property
    def replication(self) -> int: ...
    @property
    def config(self) -> Mapping[str, str]: ...


@dataclass(slots=True, frozen=True)
class TopicFault:
    """One way in which a topic differs; `what` is a sentence for a person."""

    topic: str
    what: str


def admin_client(brokers: str, security: Mapping[str, str] | None = None) -> AdminClient:
    return AdminClient(client_config(brokers, security or {}))


def create_topics(
    brokers: str, specs: Sequence[TopicSpec], security: Mapping[str, str] | None = None
) -> list[str]:
    """Create those that are missing and return their names; raises RestartMe when the broker refuses."""
    admin = admin_client(brokers, security)
    existing = _partition_counts(admin)
    missing = [spec for spec in specs if spec.name not in existing]
    if not missing:
        return []
    wanted = [
        NewTopic(spec.name, spec.partitions, spec.replication, config=dict(spec.config)) for spec in missing
    ]
    for name, future in admin.create_topics(wanted, operation_timeout=CALL_S).items():
        _created(name, future)
    return [spec.name for spec in missing]


def _created(name: str, future: Any) -> None:
    try:
        future.result()
    except KafkaException as failed:
        if failed.args[0].name() != "TOPIC_ALREADY_EXISTS":  # somebody was faster: as good
            raise RestartMe(f"topic {name} cannot be created: {failed.args[0].str()}") from failed


def check_topics(
    brokers: str, specs: Sequence[TopicSpec], security: Mapping[str, str] | None = None
) -> list[TopicFault]:
    """Missing topics, other partition counts, other settings; empty when all is well."""
    admin = admin_client(brokers, security)
    existing = _partition_counts(admin)
    faults = [fault for spec in specs for fault in _count_faults(spec, existing.get(spec.name))]
    present = [spec for spec in specs if spec.name in existing]
    return faults + _config_faults(admin, present)


def _count_faults(spec: TopicSpec, partitions: int | None) -> Iterable[TopicFault]:
    if partitions is None:
        yield TopicFault(spec.name, "is missing")
    elif partitions != spec.partitions:
        yield TopicFault(spec.name, f"has {partitions} partitions, should have {spec.partitions}")


def _config_faults(admin: AdminClient, specs: Sequence[TopicSpec]) -> list[TopicFault]:
    resources = {ConfigResource(ResourceType.TOPIC, spec.name): spec for spec in specs if spec.config}
    if not resources:
        return []
    faults = []
    for resource, future in admin.describe_configs(list(resources), request_timeout=CALL_S).items():
        found = future.result()
        spec = next(spec for spec in specs if spec.name == resource.name)
        for name, value in spec.config.items():
            actual = found[name].value if name in found else None
            if actual != value:
                faults.append(TopicFault(spec.name, f"has {name}={actual}, should have {value}"))
    return faults


def _partition_counts(admin: AdminClient) -> dict[str, int]:
    try:
        topics = admin.list_topics(timeout=CALL_S).topics
    except KafkaException as failed:
        raise RestartMe(f"Kafka does not answer: {failed.args[0].str()}") from failed
    return {name: len(topic.partitions) for name, topic in topics.items()}
