"""What an outsider hands in: the bytes, the feed they belong to, and when they reached us."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

FEED_HEADER = "feed"
RECEIVED_AT_HEADER = "received_at"
CLOCK_HEADER = "clock"
#: Beside CLOCK_HEADER: the recording that is played has no more records. Its end is nobody's silence.
OVER_HEADER = "over"
#: What normalize adds to a dead letter: why, in words without values, and where the original stands.
REASON_HEADER = "ct-reason"
DETAIL_HEADER = "ct-detail"
SOURCE_HEADER = "ct-source"
#: ... and, in front of these, the original's size where it is too large to be put into dead-letters.
OMITTED_HEADER = "ct-omitted"
#: Added to a record that was put back into the intake: the SOURCE_HEADER of its dead letter.
REPLAY_HEADER = "ct-replay"
#: Added to a record that was appended anew for a new mapping: where it stood first.
RENORMALIZED_HEADER = "ct-renormalized"


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
