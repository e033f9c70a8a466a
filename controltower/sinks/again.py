"""Telling events again: which ones of a span of time, as records that ask the stage deliver for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import msgspec

from controltower.sinks.config import Sink
from controltower.sinks.delivery import Undelivered
from controltower.sinks.event import event_of, wants
from controltower.sinks.fold import ATTEMPTS_HEADER, ID_HEADER, REASON_HEADER, SINK_HEADER, request
from controltower.streaming.stage import Out, Record


@dataclass(slots=True, frozen=True)
class Letter:
    """An event that was given up. `at_ms`: when."""

    at_ms: int
    partition: int
    sink: str
    event_id: str
    reason: str
    attempts: int
    body: bytes


def letters_among(records: Iterable[Record], sink: str | None, until_ms: int | None) -> Iterator[Letter]:
    """Of one sink or of all; records that deliver did not write are passed over."""
    for record in records:
        headers = {name: (content or b"").decode("utf-8", "replace") for name, content in record.headers}
        if headers.get(REASON_HEADER) not in tuple(Undelivered) or record.value is None:
            continue
        if (sink is None or headers.get(SINK_HEADER) == sink) and _before(record, until_ms):
            yield Letter(
                record.timestamp_ms,
                record.partition,
                headers[SINK_HEADER],
                headers[ID_HEADER],
                headers[REASON_HEADER],
                int(headers.get(ATTEMPTS_HEADER, "0")),
                record.value,
            )


def requests_of_letters(letters: Iterable[Letter]) -> Iterator[Out]:
    """One request per event, however often it was given up."""
    asked = set[tuple[str, str]]()
    for letter in letters:
        if (letter.sink, letter.event_id) not in asked:
            asked.add((letter.sink, letter.event_id))
            yield request(letter.sink, letter.event_id, letter.body, letter.partition)


def requests_of_events(
    records: Iterable[Record], name: str, sink: Sink, until_ms: int | None
) -> Iterator[Out]:
    """What the sink wants of these records of exceptions and dispatch."""
    for record in records:
        try:
            event = event_of(record)
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
        if event is not None and _before(record, until_ms) and wants(sink, event):
            yield request(name, event.event_id, event.body, record.partition)


def _before(record: Record, until_ms: int | None) -> bool:
    return until_ms is None or record.timestamp_ms < until_ms
