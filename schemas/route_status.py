"""How a route stands: progress, estimated arrivals, open exceptions."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field

from schemas.base import Finite, Identifier, Instant, Message, NonNegative, Part
from schemas.vocabulary import Motion, Phase, RouteEnd

ROUTE_STATUS_SCHEMA: Final = "controltower.route-status/1"


class StopEta(Part):
    """Estimated arrival at one remaining stop: 10, 50 and 90 % quantiles, and p(late) where it was scored."""

    stop_id: Identifier
    promised_by: Instant | None = None
    p10: Instant
    p50: Instant
    p90: Instant
    p_late: float | None = None


class RouteStatus(Message):
    """The latest view of one route."""

    schema_: Literal["controltower.route-status/1"] = Field(default=ROUTE_STATUS_SCHEMA, alias="schema")
    route_id: Identifier
    seq: int = Field(ge=1)
    tenant: Identifier
    carrier: Identifier | None = None
    vehicle_id: str | None = None
    phase: Phase
    ended_because: RouteEnd | None = None
    motion: Motion
    lat: Finite | None = None
    lon: Finite | None = None
    along_m: Finite | None = None
    off_path_m: Finite | None = None
    stop_next: str | None = None
    stops_done: int = Field(ge=0)
    stops_left: int = Field(ge=0)
    eta: tuple[StopEta, ...] = ()
    slack_s: Finite | None = Field(default=None, description="tightest promise minus its ETA")
    slip_s: Finite | None = Field(default=None, description="lateness against the frozen plan now")
    signal_age_s: NonNegative | None = None
    open_exceptions: tuple[str, ...] = ()
    plan_version: int | None = None
    halt_limit_s: Finite | None = Field(
        default=None, description="how long it may stand on the road now; null once it has ended"
    )
    dwell_limit_s: Finite | None = Field(
        default=None, description="how long it may stand at its next stop, learned or from the plan"
    )
    as_of: Instant
