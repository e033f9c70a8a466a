"""Where a route stands and when it will arrive."""

from __future__ import annotations

from datetime import datetime

import msgspec

from schemas.vocabulary import Motion, Phase, RouteEnd
from schemas.wire.parts import WirePart


class StopEta(WirePart, frozen=True, kw_only=True, gc=False):
    stop_id: str
    promised_by: datetime | None = None
    p10: datetime
    p50: datetime
    p90: datetime
    p_late: float | None = None


class RouteStatus(
    msgspec.Struct, tag_field="schema", tag="controltower.route-status/1", kw_only=True, gc=False
):
    route_id: str
    seq: int
    tenant: str
    carrier: str | None = None
    vehicle_id: str | None = None
    phase: Phase
    ended_because: RouteEnd | None = None
    motion: Motion
    lat: float | None = None
    lon: float | None = None
    along_m: float | None = None
    off_path_m: float | None = None
    stop_next: str | None = None
    stops_done: int
    stops_left: int
    eta: tuple[StopEta, ...] = ()
    slack_s: float | None = None
    slip_s: float | None = None
    signal_age_s: float | None = None
    open_exceptions: tuple[str, ...] = ()
    plan_version: int | None = None
    halt_limit_s: float | None = None
    dwell_limit_s: float | None = None
    as_of: datetime
