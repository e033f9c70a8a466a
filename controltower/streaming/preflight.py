"""Checks before a stage joins its group: the Faust version, and the topics it stands on."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import structlog
from confluent_kafka import KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType

from controltower.streaming.connection import Connection
from controltower.streaming.exits import Refused, RestartMe, WrongSettings
from controltower.streaming.quiet_admin import QuietAdmin

FAUST_VERSION = "0.15.3"
log = structlog.get_logger(__name__)


@dataclass(slots=True, frozen=True)
class FoundTopic:
    """topic_id is None on a broker that has none (the embedded one)."""

    name: str
    partitions: int
    topic_id: str | None


def check_faust_version(installed: str | None = None) -> None:
    """Raises WrongSettings for any Faust but the one whose private parts are replaced here."""
    found = installed or version("faust-streaming")
    if found != FAUST_VERSION:
        raise WrongSettings(
            f"faust-streaming {found} is installed, but this edge is only exact with {FAUST_VERSION}",
            f"pip install faust-streaming=={FAUST_VERSION}",
        )


def find_topics(
    connection: Connection, admin: QuietAdmin, answer_s: float | None = None
) -> dict[str, FoundTopic]:
    """The stage's topics that exist; raises RestartMe when the broker does not answer within `answer_s`.

    None: within what a call to the broker may take.
    """
    wanted = [*connection.spec.inputs, connection.spec.changelog]
    answer_s = answer_s or connection.limits.broker_call_s
    try:
        if connection.embedded:
            return _by_metadata(admin, wanted, answer_s)
        return _by_description(admin, wanted, answer_s)
    except KafkaException as failed:
        raise RestartMe(f"Kafka at {connection.brokers} does not answer: {admin.why(failed)}") from failed


def _by_metadata(admin: AdminClient, wanted: Sequence[str], timeout_s: float) -> dict[str, FoundTopic]:
    """Asking for a topic by name creates it on the embedded broker."""
    found = {}
    for name in wanted:
        topic = admin.list_topics(name, timeout=timeout_s).topics[name]
        if topic.error is None and topic.partitions:
            found[name] = FoundTopic(name, len(topic.partitions), None)
    return found


def _by_description(admin: AdminClient, wanted: Sequence[str], timeout_s: float) -> dict[str, FoundTopic]:
    found = {}
    futures = admin.describe_topics(TopicCollection(list(wanted)), request_timeout=timeout_s)
    for name, future in futures.items():
        topic = _unless_unknown(future.result)
        if topic is not None:
            found[name] = FoundTopic(name, len(topic.partitions), str(topic.topic_id))
    return found


def _unless_unknown(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except KafkaException as failed:
        if failed.args[0].name() == "UNKNOWN_TOPIC_OR_PART":
            return None
        raise


def wait_for_topics(connection: Connection, stopped: Callable[[float], bool]) -> dict[str, FoundTopic]:
    """The stage's topics once all exist; `stopped(seconds)` sleeps and tells whether to give up.

    Raises Refused when some are still missing after the limit, or when they don't fit together.
    """
    admin = QuietAdmin(connection.brokers, connection.security)
    deadline = time.monotonic() + connection.limits.topics_wait_s
    told = False
    while True:
        found = find_topics(connection, admin)
        missing = sorted({*connection.spec.inputs, connection.spec.changelog} - set(found))
        if not missing:
            break
        if time.monotonic() > deadline or stopped(0.5):
            raise Refused(
                f"topics are missing: {', '.join(missing)}", "Create them: controltower topics create"
            )
        if not told:
            log.warning("waiting_for_topics", missing=missing, limit_s=connection.limits.topics_wait_s)
            told = True
    check_partition_counts(found)
    if not connection.embedded:
        check_compaction(admin, connection)
    return found


def check_partition_counts(found: dict[str, FoundTopic]) -> None:
    """Raises Refused unless all topics have one count: partition n of each is owned together."""
    if len({topic.partitions for topic in found.values()}) > 1:
        counts = ", ".join(f"{topic.name} {topic.partitions}" for topic in found.values())
        raise Refused(
            f"the stage's topics differ in their number of partitions: {counts}",
            "Recreate the odd one with the count of the others: controltower topics check",
        )


def check_compaction(admin: AdminClient, connection: Connection) -> None:
    """Raises Refused for a changelog that would be deleted by age; passes where we may not look."""
    resource = ConfigResource(ResourceType.TOPIC, connection.spec.changelog)
    try:
        (future,) = admin.describe_configs([resource], request_timeout=10).values()
        policy = future.result()["cleanup.policy"].value
    except KafkaException:
        log.info("changelog_config_not_readable", topic=connection.spec.changelog)
        return
    if policy != "compact":
        raise Refused(
            f"{connection.spec.changelog} has cleanup.policy={policy}, so state would be deleted by age",
            f"kafka-configs --alter --topic {connection.spec.changelog} --add-config cleanup.policy=compact",
        )
