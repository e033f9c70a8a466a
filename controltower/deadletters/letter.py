"""A dead letter read: the original record, why it was rejected, where it stood."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

from controltower.intake import (
    DETAIL_HEADER,
    FEED_HEADER,
    OMITTED_HEADER,
    REASON_HEADER,
    REPLAY_HEADER,
    SOURCE_HEADER,
)
from controltower.streaming.stage import Headers, Out, Record
from schemas.topics import CARRIER_EVENTS, TOPICS, Role

#: Topics that a letter may be put back into.
INTAKE: Final = frozenset(topic.name for topic in TOPICS if topic.role is Role.INTAKE)
UNKNOWN: Final = "unknown"
_OURS: Final = (REASON_HEADER, DETAIL_HEADER, SOURCE_HEADER)


class NotALetter(ValueError):
    """A record of dead-letters that normalize did not write; one line."""


class Place(NamedTuple):
    """Where a record stands; written as topic/partition/offset."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"


@dataclass(slots=True, frozen=True)
class Letter:
    """`at` is where the letter stands, `source` where the original does; `rejected_at_ms` epoch ms.

    headers are the original's. omitted_bytes: the original is not in the letter, it was so large.
    """

    at: Place
    source: Place
    rejected_at_ms: int
    reason: str
    detail: str
    key: bytes | None
    value: bytes | None
    headers: Headers
    omitted_bytes: int | None = None

    @property
    def feed(self) -> str:
        """The feed's name, as normalize's metrics have it: the topic for what has no feed."""
        if self.source.topic != CARRIER_EVENTS:
            return self.source.topic
        return show_bytes(dict(self.headers).get(FEED_HEADER) or UNKNOWN.encode())


def show_bytes(content: bytes | None) -> str:
    """As text that is safe on a terminal: what is not printable is escaped."""
    text = (content or b"").decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def read_letter(record: Record) -> Letter:
    """Raises NotALetter. Our headers are the last ones; an outsider may have sent some of the same names."""
    headers: Headers = record.headers
    if tuple(name for name, _ in headers[-3:]) != _OURS:
        raise NotALetter(f"{record.topic}/{record.partition}/{record.offset} is no dead letter")
    reason, detail, source = (show_bytes(content) for _, content in headers[-3:])
    headers, omitted = headers[:-3], None
    if record.value is None and [name for name, _ in headers] == [OMITTED_HEADER]:
        omitted, headers = int(headers[0][1] or 0), ()
    return Letter(
        Place(record.topic, record.partition, record.offset),
        parse_place(source),
        record.timestamp_ms,
        reason,
        detail,
        record.key,
        record.value,
        headers,
        omitted,
    )


def parse_place(text: str) -> Place:
    """The inverse of str(Place). Raises NotALetter."""
    topic, *numbers = text.rsplit("/", 2)
    if len(numbers) != 2 or not all(number.isascii() and number.isdigit() for number in numbers):
        raise NotALetter(f"{text[:80]!r} is not of the form TOPIC/PARTITION/OFFSET")
    return Place(topic, int(numbers[0]), int(numbers[1]))


def put_back(letter: Letter) -> Out:
    """The record for the intake: as it came and to the same partition, marked with where it stood."""
    mark = (REPLAY_HEADER, str(letter.source).encode())
    headers = (*letter.headers, mark)
    return Out(letter.source.topic, letter.key, letter.value, letter.source.partition, headers)


def marks_of(record: Record) -> list[str]:
    """The sources of the letters that this intake record is a replay of, oldest first."""
    return [show_bytes(content) for name, content in record.headers if name == REPLAY_HEADER]
