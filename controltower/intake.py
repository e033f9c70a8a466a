"""What an outsider hands in: the bytes, the feed they belong to, and when they reached us."""

from __future__ import annotations

from dataclasses import dataclass

FEED_HEADER = "feed"
RECEIVED_AT_HEADER = "received_at"
CLOCK_HEADER = "clock"


@dataclass(slots=True, frozen=True)
class Arrival:
    """One payload of a recorded or simulated day. `received_at_ms` is epoch milliseconds."""

    received_at_ms: int
    key: bytes | None
    payload: bytes
    feed: str
