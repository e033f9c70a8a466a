"""What outsiders may manage to send: every intake topic, each with the reason it must be refused for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from confluent_kafka import KafkaError, Message, Producer

from controltower.streaming.stage import Record
from schemas import topics
from schemas.vocabulary import RejectReason as Why
from tests.unit.payloads import position

EXAMPLES = Path(__file__).parents[2] / "schemas" / "examples"
PLAIN = (("feed", b"plain"),)
TWO_MB = 2 << 20

RawHeaders = tuple[tuple[str, bytes | None], ...]


@dataclass(frozen=True)
class Poison:
    """One record for an intake topic; `reason` None: a good one."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: RawHeaders
    reason: Why | None


def good(topic: str, number: int) -> Poison:
    """A record that is understood; those of a topic differ, so that each can be found again."""
    content = _good_content(topic, number)
    headers = PLAIN if topic == topics.CARRIER_EVENTS else ()
    return Poison(topic, b"good-%d" % number, json.dumps(content).encode(), headers, None)


def _good_content(topic: str, number: int) -> Any:
    if topic == topics.CARRIER_EVENTS:
        return position(f"R-{number}", f"V-{number}", at=datetime.now(UTC).isoformat(), n=number)
    names = {
        topics.PLANS: ("plans/without_a_path", "route_id", "R-{}"),
        topics.COMMANDS: ("commands/acknowledge", "command_id", "C-{}"),
        topics.DISPATCH_FEEDBACK: ("dispatch-feedback/accepted", "action_id", "A-{}"),
    }
    name, field, pattern = names[topic]
    return {**json.loads((EXAMPLES / f"{name}.json").read_text()), field: pattern.format(number)}


def poison_of(topic: str) -> Iterator[Poison]:
    """Every kind of bad bytes for one topic."""
    headers = PLAIN if topic == topics.CARRIER_EVENTS else ()
    for value, reason in _bad_values(topic):
        yield Poison(topic, b"bad", value, headers, reason)
    yield Poison(topic, None, b"no key and no JSON", headers, Why.NOT_PARSABLE)
    yield Poison(topic, b"", b"", headers, Why.EMPTY)
    yield Poison(
        topic, b"\xff\x00", b"\xff\xfe", (*headers, ("null", None), ("\u00fc", b"\xff")), Why.NOT_UTF8
    )
    forged = (*headers, ("ct-reason", b"EMPTY"), ("ct-source", b"plans/0/0"), ("ct-reason", b"again"))
    yield Poison(topic, b"forged", b"}", forged, Why.NOT_PARSABLE)
    yield Poison(topic, b"time", b"{}", (*headers, ("received_at", b"soon")), Why.BAD_TIME)
    if topic == topics.CARRIER_EVENTS:
        yield Poison(topic, b"feed", b"{}", (), Why.UNKNOWN_FEED)
        yield Poison(topic, b"feed", b"{}", (("feed", b"\xff"),), Why.UNKNOWN_FEED)
        yield Poison(topic, b"feed", b"{}", (("feed", None),), Why.UNKNOWN_FEED)
        yield Poison(topic, b"clock", None, (("clock", b"soon"), *headers), Why.EMPTY)
        yield Poison(topic, b"clock", None, (("clock", None), *headers), Why.EMPTY)
        yield Poison(topic, b"mapping", b"{}", (("ct-mapping", None),), Why.OUT_OF_RANGE)


def _bad_values(topic: str) -> Iterator[tuple[bytes | None, Why]]:
    sample = _good_content(topic, 0)
    number, text = _NUMBER_AND_TEXT[topic]
    yield None, Why.EMPTY
    yield b"", Why.EMPTY
    yield b'{"a": "' + b"x" * TWO_MB + b'"}', Why.TOO_LARGE
    yield b'{"a": "\xc3\x28"}', Why.NOT_UTF8
    yield b"[" * 100_000 + b"]" * 100_000, Why.TOO_DEEP
    yield b'{"a":' * 5_000 + b"1" + b"}" * 5_000, Why.TOO_DEEP
    for literal in (b"NaN", b"Infinity", b"-Infinity"):
        yield _with_raw(sample, number, literal), Why.NOT_PARSABLE
    yield _with_raw(sample, number, b"1e999"), Why.OUT_OF_RANGE
    yield _with_raw(sample, number, b"9" * 400), _REASON_FOR_HUGE_INTEGER.get(topic, Why.OUT_OF_RANGE)
    yield json.dumps({**sample, "schema": "controltower.other/9"}).encode(), Why.UNKNOWN_SCHEMA
    yield json.dumps({**sample, text: {"not": "text"}}).encode(), Why.WRONG_TYPE
    yield b'"text"', Why.WRONG_TYPE
    yield b"null", Why.WRONG_TYPE
    yield b"<scan/>", Why.NOT_PARSABLE


#: A field that holds a number or could, and one that must be text.
_NUMBER_AND_TEXT = {
    topics.CARRIER_EVENTS: ("route_id", "event_id"),
    topics.PLANS: ("version", "route_id"),
    topics.COMMANDS: ("why", "command_id"),
    topics.DISPATCH_FEEDBACK: ("reason", "action_id"),
}


#: These have no field for a number.
_REASON_FOR_HUGE_INTEGER = dict.fromkeys((topics.COMMANDS, topics.DISPATCH_FEEDBACK), Why.WRONG_TYPE)


def _with_raw(sample: Any, field: str, literal: bytes) -> bytes:
    """The sample with a literal that Python's encoder would not write."""
    return json.dumps({**sample, field: "@"}).encode().replace(b'"@"', literal)


def send(
    brokers: str, records: Sequence[Poison], partition: int = 0, **config: object
) -> dict[tuple[str, int, int], Poison]:
    """In order, with a plain client as an outsider's; returns where each of them stands."""
    ordered = {"enable.idempotence": True, "message.max.bytes": 100_000_000}
    producer = Producer({"bootstrap.servers": brokers, **ordered, **config})
    places: list[tuple[str, int, int]] = []
    refused: list[str] = []

    def delivered(error: KafkaError | None, message: Message) -> None:
        if error is not None:
            refused.append(str(error))
        places.append((str(message.topic()), message.partition() or 0, message.offset() or 0))

    for record in records:
        headers = list(record.headers)
        where = {"partition": partition, "headers": headers, "on_delivery": delivered}
        producer.produce(record.topic, key=record.key, value=record.value, **where)
    assert producer.flush(30) == 0
    assert refused == []
    return _in_order(places, records)


def _in_order(
    places: Sequence[tuple[str, int, int]], records: Sequence[Poison]
) -> dict[tuple[str, int, int], Poison]:
    """Confirmations come in order within a topic only."""
    found: dict[tuple[str, int, int], Poison] = {}
    for topic in {record.topic for record in records}:
        ours = sorted(place for place in places if place[0] == topic)
        found.update(zip(ours, (record for record in records if record.topic == topic), strict=True))
    return found


def assert_same(letter: Record, poison: Poison) -> None:
    """Key, value and headers as they came, then ours."""
    assert (letter.key, letter.value) == (poison.key, poison.value)
    assert letter.headers[: len(poison.headers)] == poison.headers
    ours = dict(letter.headers[len(poison.headers) :])
    assert set(ours) == {"ct-reason", "ct-detail", "ct-source"}
    assert ours["ct-reason"].decode() == poison.reason
