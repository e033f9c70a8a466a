"""Payloads that nobody can use, made from sound ones: each kind with the reason it must be rejected for."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from controltower.intake import Arrival
from schemas.vocabulary import RejectReason

#: A feed that nobody agreed with us.
STRANGE_FEED: Final = "kurierblitz"


@dataclass(frozen=True, slots=True)
class Spoilt:
    """A payload that deserves dead-letters, and why."""

    arrival: Arrival
    reason: RejectReason


#: Takes a parsed payload of a van's position (and its carrier's name for things), gives the broken bytes.
Break = Callable[[dict[str, Any], bytes], bytes]


def _edited(change: Callable[[dict[str, Any]], None]) -> Break:
    def broken(record: dict[str, Any], _: bytes) -> bytes:
        change(record)
        return json.dumps(record).encode()

    return broken


def _report(record: dict[str, Any]) -> dict[str, Any]:
    """The first event of a Swiftpost payload, or the Metroline record itself."""
    events = record.get("events")
    return events[0] if events else record


def _set(swiftpost: tuple[str, ...], metroline: str, value: Any) -> Break:
    def change(record: dict[str, Any]) -> None:
        target = _report(record)
        if "events" not in record:
            target[metroline] = value
            return
        for step in swiftpost[:-1]:
            target = target[step]
        target[swiftpost[-1]] = value

    return _edited(change)


def _without_time(record: dict[str, Any]) -> None:
    report = _report(record)
    report.pop("at", None)
    report.pop("zeit", None)


def _without_subject(record: dict[str, Any]) -> None:
    report = _report(record)
    report["tour"] = {} if "events" in record else ""
    if "nr" in report:
        report["sendung"] = ""


def _of_strange_version(record: dict[str, Any]) -> None:
    record["v" if "events" in record else "version"] = "17"


KINDS: Final[tuple[tuple[RejectReason, Break], ...]] = (
    (RejectReason.EMPTY, lambda _, payload: payload[:0]),
    (RejectReason.NOT_UTF8, lambda _, payload: b"\xff\xfe" + payload[:40] + b"\xc3\x28"),
    (RejectReason.NOT_PARSABLE, lambda _, payload: payload[: len(payload) // 2]),
    (RejectReason.UNKNOWN_FEED, lambda _, payload: payload),
    (RejectReason.UNKNOWN_SCHEMA, _edited(_of_strange_version)),
    (RejectReason.MISSING_FIELD, _edited(_without_time)),
    (RejectReason.WRONG_TYPE, _set(("geo", "lat"), "breite", "north of here")),
    (RejectReason.OUT_OF_RANGE, _set(("geo", "lat"), "breite", 512.7)),
    (RejectReason.BAD_TIME, _set(("at",), "zeit", "the day after tomorrow")),
    (RejectReason.NO_SUBJECT, _edited(_without_subject)),
)


def spoil(arrivals: Sequence[Arrival], count: int, rng: Random) -> list[Spoilt]:
    """`count` broken payloads, made from copies of sound position reports; each kind in turn."""
    positions = [arrival for arrival in arrivals if b'"PS"' in arrival.payload or b'"POS"' in arrival.payload]
    if not positions:
        return []
    spoilt = []
    for index in range(count):
        sound = rng.choice(positions)
        reason, broken = KINDS[index % len(KINDS)]
        payload = broken(json.loads(sound.payload), sound.payload)
        feed = STRANGE_FEED if reason is RejectReason.UNKNOWN_FEED else sound.feed
        received_at_ms = sound.received_at_ms + rng.randint(1, 5000)
        spoilt.append(Spoilt(Arrival(received_at_ms, sound.key, payload, feed), reason))
    return spoilt
