"""How the feeds of a carrier do: what was counted of each, and the verdict that routes wait for."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field

from schemas.base import Finite, Identifier, Instant, Message, Part
from schemas.vocabulary import FeedState

FEED_PULSE_SCHEMA: Final = "controltower.feed-pulse/1"
FEEDS_JUDGED_SCHEMA: Final = "controltower.feeds-judged/1"
FEED_STATUS_SCHEMA: Final = "controltower.feed-status/1"


class FeedPulse(Message):
    """What one intake source received of one feed in one slot of 10 s; empty slots have none."""

    schema_: Literal["controltower.feed-pulse/1"] = Field(default=FEED_PULSE_SCHEMA, alias="schema")
    feed: Identifier
    carrier: Identifier
    tenant: Identifier
    source: str = Field(description="<topic>/<partition> of the intake")
    slot_from: Instant
    first_at: Instant = Field(description="received_at of the first record")
    last_at: Instant = Field(description="received_at of the last record")
    records: int = Field(ge=1)
    rejected: int = Field(default=0, ge=0)
    scans: int = Field(default=0, ge=0)
    unmapped: int = Field(default=0, ge=0)
    future: int = Field(default=0, ge=0, description="scans that happened more than 30 s after their receipt")
    disordered: int = Field(default=0, ge=0, description="reports older than the vehicle's newest")
    duplicates: int = Field(default=0, ge=0, description="reports of the very time of the vehicle's newest")
    vehicles: int = Field(default=0, ge=0, description="heard of within the last 10 min")
    delays: tuple[int, ...] = Field(
        default=(), description="scans by seconds from event to receipt: up to 5, 15, 60, 300, 3600, more"
    )


class FeedDown(Part):
    """A feed that is silent against its own rhythm."""

    feed: Identifier
    exception_id: Identifier
    since: Instant = Field(description="its last record")
    detected_at: Instant


class FeedDiscipline(Part):
    """How far the scans of a feed may be trusted, 0 to 1; see docs/feed-health.md."""

    feed: Identifier
    score: Finite


class FeedsJudged(Message):
    """Into every partition of route-events: which feeds of one partition of feed-health are down."""

    schema_: Literal["controltower.feeds-judged/1"] = Field(default=FEEDS_JUDGED_SCHEMA, alias="schema")
    source: str = Field(description="<topic>/<partition> of feed-health")
    sources: int = Field(ge=1, description="how many partitions judge feeds in this system")
    upto: Instant = Field(description="every feed of this partition is judged up to here")
    down: tuple[FeedDown, ...] = ()
    discipline: tuple[FeedDiscipline, ...] = ()


class FeedStatus(Message):
    """The latest view of one feed. Shares are of the last hour of its records; null where there were none."""

    schema_: Literal["controltower.feed-status/1"] = Field(default=FEED_STATUS_SCHEMA, alias="schema")
    feed: Identifier
    carrier: Identifier
    tenant: Identifier
    state: FeedState
    as_of: Instant
    last_heard_at: Instant | None = None
    silence_limit_s: Finite | None = Field(
        default=None, description="null: too few or too seldom records for a silence to mean anything"
    )
    vehicles: int = Field(default=0, ge=0)
    records: int = Field(default=0, ge=0)
    rejected_share: Finite | None = None
    unmapped_share: Finite | None = None
    future_share: Finite | None = None
    disordered_share: Finite | None = None
    duplicate_share: Finite | None = None
    delays: tuple[int, ...] = ()
    discipline: Finite | None = None
    exception_id: str | None = None
