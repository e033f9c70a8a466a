"""Playbooks and switches on the topic of commands: checked here, then told to every partition of recovery."""

from __future__ import annotations

from datetime import datetime

from controltower.feeds.intake import check_message, schema_of
from controltower.feeds.rejection import Rejected
from controltower.recovery.playbook import PlaybookError, parse_playbook
from controltower.streaming.stage import Out
from schemas import topics
from schemas.base import Source
from schemas.governing import PLAYBOOK_SCHEMA, SWITCH_SCHEMA, PlaybookPublished, Switch
from schemas.vocabulary import RejectReason


def is_for_everybody(value: bytes | None) -> bool:
    """Whether a record on commands is a playbook or a switch. Raises Rejected for what is no record."""
    return schema_of(value) in (PLAYBOOK_SCHEMA, SWITCH_SCHEMA)


def tell_everybody(value: bytes | None, received_at: datetime, source: Source, partitions: int) -> list[Out]:
    """The record into each partition of recovery. A playbook that cannot be used is rejected here.

    Raises Rejected; for a playbook the detail names line and field.
    """
    found: PlaybookPublished | Switch
    if schema_of(value) == SWITCH_SCHEMA:
        found = check_message(Switch, value, SWITCH_SCHEMA)
    else:
        found = check_message(PlaybookPublished, value, PLAYBOOK_SCHEMA)
        try:
            parse_playbook(found.text, "playbook")
        except PlaybookError as wrong:
            raise Rejected(RejectReason.NOT_PARSABLE, str(wrong)) from None
    stamped = found.model_copy(update={"received_at": received_at, "source": source})
    content = stamped.model_dump_json(by_alias=True).encode()
    return [Out(topics.RECOVERY_EVENTS, None, content, partition) for partition in range(partitions)]
