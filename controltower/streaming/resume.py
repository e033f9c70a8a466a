"""Where to go on in an input partition, or why not: the refusals that keep a stage exact."""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from controltower.streaming.connection import Connection
from controltower.streaming.exits import Refused
from controltower.streaming.positions import Position

log = structlog.get_logger(__name__)


@dataclass(slots=True, frozen=True)
class Bounds:
    """The partition as it is now: first offset, end, and what the group has committed (0: nothing)."""

    beginning: int
    end: int
    committed: int


def find_start(
    connection: Connection,
    topic: str,
    partition: int,
    stored: Position | None,
    bounds: Bounds,
    topic_id: str | None,
    log_id: str | None = None,
) -> int:
    """The first offset to read; raises Refused when reading from there would lose or double records."""
    if stored is None:
        return _start_new(connection, topic, partition, bounds)
    reset = way_out(connection)
    where = f"{topic}/{partition}"
    if stored.schema > connection.spec.changelog_schema:
        raise Refused(
            f"the changelog of {connection.spec.name} is from a newer version (schema {stored.schema})",
            "Run that version again, or a newer one.",
        )
    if None not in (stored.topic_id, topic_id) and stored.topic_id != topic_id:
        raise another_topic(connection, topic)
    if None not in (stored.log_id, log_id) and stored.log_id != log_id:
        raise another_topic(connection, connection.spec.changelog)
    if stored.next_offset < bounds.beginning:
        gone = bounds.beginning - stored.next_offset
        raise Refused(
            f"{where}: {gone} offsets from {stored.next_offset} on are gone from the log unread", reset
        )
    if stored.next_offset > bounds.end:
        raise Refused(f"{where} ends at {bounds.end}, but was read up to {stored.next_offset}", reset)
    return stored.next_offset


def way_out(connection: Connection) -> str:
    """What a person can do about a log that does not go on where the stage stands."""
    return f"Start this stage anew: controltower reset --stage {connection.spec.name}"


def another_topic(connection: Connection, topic: str) -> Refused:
    """The refusal of a topic that has only the name of the one that was read."""
    done = "written" if topic == connection.spec.changelog else "read"
    what = f"{topic} is not the topic this stage has {done}: it was deleted and created again"
    return Refused(what, way_out(connection))


def _start_new(connection: Connection, topic: str, partition: int, bounds: Bounds) -> int:
    if bounds.committed > 0 and not connection.embedded:
        raise Refused(
            f"{connection.spec.changelog} has no position for {topic}/{partition}, "
            f"but the group {connection.group} has read it up to {bounds.committed}",
            f"If the changelog is lost: controltower reset --stage {connection.spec.name}",
        )
    if bounds.beginning > 0:
        log.info("starting_after_deleted_records", topic=topic, partition=partition, first=bounds.beginning)
    return bounds.beginning
