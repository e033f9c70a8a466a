"""What an outsider hands in: the bytes, the feed they belong to, and when they reached us."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

FEED_HEADER = "feed"
RECEIVED_AT_HEADER = "received_at"
CLOCK_HEADER = "clock"


class Payload(Protocol):
    """One payload of a recorded or simulated day. `received_at_ms` is epoch milliseconds."""

    @property
    def received_at_ms(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def payload(self) -> bytes: ...
    @property
    def feed(self) -> str: ...


@dataclass(slots=True, frozen=True)
class Arrival:
    """A payload of a recorded day."""

    received_at_ms: int
    key: bytes | None
    payload: bytes
    feed: str
