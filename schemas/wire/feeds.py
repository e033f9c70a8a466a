"""How a feed does, as counted and as judged."""

from __future__ import annotations

from datetime import datetime

import msgspec

from schemas.vocabulary import FeedState
from schemas.wire.parts import WirePart


class FeedPulse(msgspec.Struct, tag_field="schema", tag="controltower.feed-pulse/1", kw_only=True, gc=False):
    feed: str
    carrier: str
    tenant: str
    source: str
    slot_from: datetime
    first_at: datetime
    last_at: datetime
    records: int
    rejected: int = 0
    scans: int = 0
    unmapped: int = 0
    future: int = 0
    disordered: int = 0
    duplicates: int = 0
    vehicles: int = 0
    delays: tuple[int, ...] = ()


class FeedDown(WirePart, frozen=True, gc=False):
    feed: str
    exception_id: str
    since: datetime
    detected_at: datetime


class FeedDiscipline(WirePart, frozen=True, gc=False):
    feed: str
    score: float


class FeedsJudged(
    msgspec.Struct, tag_field="schema", tag="controltower.feeds-judged/1", kw_only=True, gc=False
):
    source: str
    sources: int
    upto: datetime
    down: tuple[FeedDown, ...] = ()
    discipline: tuple[FeedDiscipline, ...] = ()


class FeedStatus(
    msgspec.Struct, tag_field="schema", tag="controltower.feed-status/1", kw_only=True, gc=False
):
    feed: str
    carrier: str
    tenant: str
    state: FeedState
    as_of: datetime
    last_heard_at: datetime | None = None
    silence_limit_s: float | None = None
    vehicles: int = 0
    records: int = 0
    rejected_share: float | None = None
    unmapped_share: float | None = None
    future_share: float | None = None
    disordered_share: float | None = None
    duplicate_share: float | None = None
    delays: tuple[int, ...] = ()
    discipline: float | None = None
    exception_id: str | None = None
