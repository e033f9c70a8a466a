"""Let a stage start anew: its changelog and what its group has committed are taken away."""

from __future__ import annotations

import time
from collections.abc import Mapping

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from controltower.streaming.exits import Refused, RestartMe
from controltower.streaming.topics import CALL_S, TopicSpec, admin_client, create_topics

_ABSENT = ("GROUP_ID_NOT_FOUND", "UNKNOWN_TOPIC_OR_PART")
_LOOK_EVERY_S = 0.1


def reset_stage(
    brokers: str,
    group: str,
    changelog: TopicSpec,
    security: Mapping[str, str] | None = None,
    leave_s: float = 10.0,
) -> None:
    """Delete the group and the changelog, and create the changelog empty.

    leave_s: how long a process that ended without leaving the group may still count as a member, which is
    its session timeout. Raises Refused while the group has members, RestartMe when the broker refuses.
    """
    admin = admin_client(brokers, security)
    deadline = time.monotonic() + leave_s
    while members := _count_members(admin, group):
        if time.monotonic() > deadline:
            raise Refused(
                f"{group} is running with {members} members", "Stop every process of this stage first."
            )
        time.sleep(_LOOK_EVERY_S)
    _await(admin.delete_consumer_groups([group], request_timeout=CALL_S)[group], f"group {group}")
    removed = admin.delete_topics([changelog.name], operation_timeout=CALL_S)
    _await(removed[changelog.name], f"topic {changelog.name}")
    _create_again(brokers, changelog, security)


def _count_members(admin: AdminClient, group: str) -> int:
    try:
        return len(admin.describe_consumer_groups([group], request_timeout=CALL_S)[group].result().members)
    except KafkaException as failed:
        if failed.args[0].name() in _ABSENT:
            return 0
        raise RestartMe(f"group {group} cannot be looked at: {failed.args[0].str()}") from failed


def _await(future: object, what: str) -> None:
    """Wait for a deletion; what was not there is as good as deleted."""
    try:
        future.result()  # type: ignore[attr-defined]
    except KafkaException as failed:
        if failed.args[0].name() not in _ABSENT:
            raise RestartMe(f"{what} cannot be deleted: {failed.args[0].str()}") from failed


def _create_again(brokers: str, changelog: TopicSpec, security: Mapping[str, str] | None) -> None:
    """The broker deletes in its own time, so the name may be taken for a moment."""
    deadline = time.monotonic() + CALL_S
    while not create_topics(brokers, [changelog], security):
        if time.monotonic() > deadline:
            raise RestartMe(f"the broker has not deleted {changelog.name} within {CALL_S:.0f} s")
        time.sleep(_LOOK_EVERY_S)
