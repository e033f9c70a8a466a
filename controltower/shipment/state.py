"""What is kept of one shipment."""

from __future__ import annotations

from typing import Final

import msgspec

from controltower.stamped import open_stamped, stamp
from schemas.vocabulary import TERMINAL_MILESTONES, Milestone
from schemas.wire import Scan

STATE_KEY: Final = b"s/"
#: 2: a byte for the schema.
SCHEMA: Final = 2
#: After its end only late scans are to come; milestones may be 24 h late.
KEEP_ENDED_MS: Final = 24 * 3600 * 1000
#: As long as the logs are kept.
KEEP_MS: Final = 8 * 24 * 3600 * 1000


#: A milestone, and when it happened in epoch ms.
Said = tuple[Milestone | None, int]


class Shipment(msgspec.Struct, array_like=True, frozen=True):
    """State of one shipment; times in epoch ms. `attempt` counts deliveries that were started over."""

    route_id: str | None = None
    stop_id: str | None = None
    plan_version: int = 0
    assigned_ms: int = 0
    versions: dict[str, int] = {}  # route -> highest plan version that was taken
    milestone: Milestone | None = None
    milestone_ms: int = 0
    attempt: int = 1
    seen: dict[str, int] = {}  # scan_id -> revision, oldest first
    pending: tuple[Scan, ...] = ()
    heard_ms: int = 0
    said: tuple[Said, ...] = ()  # what the scans in `seen` said, in the same order

    @property
    def is_ended(self) -> bool:
        """True after a terminal milestone."""
        return self.milestone in TERMINAL_MILESTONES

    @property
    def forget_ms(self) -> int:
        """When the state may be dropped."""
        return self.heard_ms + (KEEP_ENDED_MS if self.is_ended else KEEP_MS)


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Shipment).decode


def encode_shipment(shipment: Shipment) -> bytes:
    """Bytes for the changelog."""
    return stamp(SCHEMA, _encode(shipment))


def decode_shipment(value: bytes) -> Shipment:
    """Raises Refused where the schema is newer than this one."""
    return _decode(open_stamped(value, SCHEMA, "a shipment")[1])
