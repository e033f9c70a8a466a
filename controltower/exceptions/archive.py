"""What has ended: told as CLOSED a day later, deleted from the compacted topics 30 days after its end."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import msgspec

from controltower.route.timeline import HOUR_MS, MINUTE_MS, from_ms, to_ms
from schemas import wire
from schemas.vocabulary import ExceptionStatus, Transition

ENDED_KEY: Final = b"x/"
GRAVES_KEY: Final = b"t/"
#: Late milestones may come for a day; after that nobody adds anything to what has ended.
CLOSE_MS: Final = 24 * HOUR_MS
#: From CLOSED, or from forgetting a route, each a day after the end: 30 days after it in all.
KEEP_MS: Final = 29 * 24 * HOUR_MS

_decode_record: Final = msgspec.json.Decoder(wire.ExceptionRecord).decode
_decode_graves: Final = msgspec.json.Decoder(list[tuple[str, str, str]]).decode


@dataclass(slots=True, frozen=True)
class Grave:
    """A key whose last record is to go from its topic. `home` where it decides the partition."""

    topic: str
    key: str
    home: str = ""


class Archive:
    """The ends of one partition, in order of time. Records of the last day are kept whole, then only ids."""

    def __init__(self) -> None:
        self._ended: dict[str, bytes] = {}
        self._graves: dict[int, bytes] = {}
        self._closing: list[tuple[int, str]] = []
        self._digging: list[int] = []
        self._buried: list[Grave] = []
        self._changes: dict[bytes, bytes | None] = {}

    def restore(self, key: bytes, value: bytes) -> bool:
        """Take an entry of the changelog, if it is one of ours."""
        if key.startswith(ENDED_KEY):
            self._hold(_decode_record(value), value)
        elif key.startswith(GRAVES_KEY):
            self._dig_at(int(key[len(GRAVES_KEY) :]), value)
        else:
            return False
        return True

    def keep(self, record: wire.ExceptionRecord) -> None:
        """A RESOLVED record, before it is published."""
        value = wire.encode(record)
        self._changes[ENDED_KEY + record.exception_id.encode()] = value
        self._hold(record, value)

    def bury(self, graves: Iterable[Grave]) -> None:
        """What nobody will hear of again; `advance` notes when it may go."""
        self._buried += graves

    def bury_at(self, grave: Grave, at_ms: int) -> None:
        """A key that may go at `at_ms`, rounded up to a minute so that entries stay few; noted at once."""
        at_ms = -(-at_ms // MINUTE_MS) * MINUTE_MS
        known = self._graves.get(at_ms)
        graves = _decode_graves(known) if known else []
        value = msgspec.json.encode([*graves, (grave.topic, grave.key, grave.home)])
        self._changes[_graves_key(at_ms)] = value
        if known:
            self._graves[at_ms] = value
        else:
            self._dig_at(at_ms, value)

    def advance(self, now_ms: int, topic: str) -> list[wire.ExceptionRecord | Grave]:
        """The clock moved: CLOSED records, and keys of `topic` and of what was buried that are to go."""
        due: list[wire.ExceptionRecord | Grave] = []
        while self._closing and self._closing[0][0] <= now_ms:
            at_ms, exception_id = heapq.heappop(self._closing)
            closed = self._close(exception_id, at_ms)
            due.append(closed)
            self._buried.append(Grave(topic, exception_id, closed.home))
        while self._digging and self._digging[0] <= now_ms:
            at_ms = heapq.heappop(self._digging)
            self._changes[_graves_key(at_ms)] = None
            due += [Grave(*grave) for grave in _decode_graves(self._graves.pop(at_ms))]
        if self._buried:
            value = msgspec.json.encode([(grave.topic, grave.key, grave.home) for grave in self._buried])
            self._buried = []
            self._changes[_graves_key(now_ms + KEEP_MS)] = value
            self._dig_at(now_ms + KEEP_MS, value)
        return due

    def take_changes(self) -> list[tuple[bytes, bytes | None]]:
        """For the changelog."""
        changes, self._changes = list(self._changes.items()), {}
        return changes

    def _hold(self, record: wire.ExceptionRecord, value: bytes) -> None:
        self._ended[record.exception_id] = value
        heapq.heappush(self._closing, (to_ms(record.updated_at) + CLOSE_MS, record.exception_id))

    def _close(self, exception_id: str, at_ms: int) -> wire.ExceptionRecord:
        record = _decode_record(self._ended.pop(exception_id))
        self._changes[ENDED_KEY + exception_id.encode()] = None
        record.seq += 1
        record.transition, record.status = Transition.CLOSED, ExceptionStatus.CLOSED
        record.updated_at = record.published_at = from_ms(at_ms)
        return record

    def _dig_at(self, at_ms: int, value: bytes) -> None:
        self._graves[at_ms] = value
        heapq.heappush(self._digging, at_ms)


def _graves_key(at_ms: int) -> bytes:
    return GRAVES_KEY + b"%d" % at_ms
