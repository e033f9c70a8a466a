"""What is kept of the line haul of one shipment."""

from __future__ import annotations

from typing import Final

import msgspec

from controltower.haul.progress import Done, Mark, promised_ms
from schemas.vocabulary import HaulEnd, HaulScoreSource, Milestone
from schemas.wire import HaulPlan

HAUL_KEY: Final = b"h/"
#: Twice as many as the steps of the largest plan.
MOST_MARKS: Final = 64
#: A shipment of which nothing is heard is kept so long after its promise: as long as the logs.
KEEP_MS: Final = 8 * 24 * 3600 * 1000


class Answer(msgspec.Struct, array_like=True, frozen=True):
    """What was answered last, and what it was about (epoch ms)."""

    p_late: float | None
    as_of_ms: int
    scored_by: HaulScoreSource
    model_version: str | None


class Told(msgspec.Struct, array_like=True, frozen=True):
    """What a status tells that is worth another one."""

    plan_version: int
    done: Done = ()
    milestone: Milestone | None = None
    end: HaulEnd | None = None
    route_id: str | None = None
    answer: Answer | None = None
    missed: bool | None = None


class Haul(msgspec.Struct, array_like=True, frozen=True):
    """State of one line haul; times in epoch ms. `marks`: by scan_id, oldest first; `asked`: questions so
    far; `asked_done`: what the last one was about; `seq`: of the last status."""

    plan: HaulPlan
    marks: dict[str, Mark] = {}
    now_ms: int = 0
    asked: int = 0
    asked_ms: int = 0
    asked_done: Done = ()
    answer: Answer | None = None
    seq: int = 0
    told: Told | None = None

    @property
    def is_decided(self) -> bool:
        """True where nobody asks any more: it has ended, or its promise has."""
        return self.told is not None and (self.told.end is not None or self.told.missed is not None)

    @property
    def keep_ms(self) -> int:
        """Until when it must be kept although nothing is heard."""
        return 0 if self.told is not None and self.told.end else promised_ms(self.plan) + KEEP_MS


encode_haul = msgspec.msgpack.Encoder().encode
decode_haul = msgspec.msgpack.Decoder(Haul).decode
