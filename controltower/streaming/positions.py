"""The position record: where to go on in one input topic, kept in the changelog beside the state."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from controltower.streaming.exits import Refused

PREFIX = b"\x00position/"


@dataclass(slots=True, frozen=True)
class Position:
    """`next_offset` is the first offset not yet folded.

    topic_id, log_id: of the input and of the changelog this stands in; None where the broker has none, and
    log_id in what versions before it wrote.
    lent_to: the transactional ids under which the owner writes this partition; none: under that of the
    partition alone, as versions before did.
    """

    next_offset: int
    topic_id: str | None
    schema: int
    log_id: str | None = None
    lent_to: Sequence[str] = ()


def position_key(topic: str) -> bytes:
    return PREFIX + topic.encode()


def find_position_topic(key: bytes) -> str | None:
    """The input topic a changelog key is the position of, or None for the stage's own entries."""
    return key[len(PREFIX) :].decode() if key.startswith(PREFIX) else None


def encode_position(position: Position) -> bytes:
    fields = {
        "next": position.next_offset,
        "topic_id": position.topic_id,
        "schema": position.schema,
        "log_id": position.log_id,
        "lent_to": position.lent_to,
    }
    return json.dumps(fields, separators=(",", ":")).encode()


def decode_position(value: bytes) -> Position:
    """Raises Refused when the bytes are no position record."""
    try:
        fields = json.loads(value)
        return Position(
            int(fields["next"]),
            fields["topic_id"],
            int(fields["schema"]),
            fields.get("log_id"),
            tuple(fields.get("lent_to", ())),
        )
    except (ValueError, KeyError, TypeError) as wrong:
        raise Refused(
            f"a position record in the changelog cannot be read ({wrong})",
            "The changelog was written by something else; use `controltower reset` for this stage.",
        ) from wrong
