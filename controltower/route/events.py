"""The log of the routes as the fold reads it: what of a scan concerns no route is passed over unread."""

from __future__ import annotations

from datetime import datetime

import msgspec

from schemas import wire
from schemas.vocabulary import Milestone


class Place(msgspec.Struct, gc=False):
    """Of `wire.Place`, degrees and metres."""

    lat: float | None = None
    lon: float | None = None
    accuracy_m: float | None = None


class Source(msgspec.Struct, gc=False):
    """Of `wire.Source`."""

    topic: str
    partition: int
    offset: int


class Scan(msgspec.Struct, tag_field="schema", tag="controltower.scan/1", kw_only=True, gc=False):
    """Of `wire.Scan`; its other fields are no part of what a route is decided by."""

    scan_id: str
    feed: str
    carrier: str
    tenant: str
    route_id: str | None = None
    vehicle_id: str | None = None
    stop_id: str | None = None
    milestone: Milestone | None = None
    replaces: Milestone | None = None
    occurred_at: datetime
    received_at: datetime
    clock_skew_s: float = 0.0
    place: Place | None = None
    source: Source


#: What is about one route, but for its scans.
Rarer = wire.Plan | wire.VehicleMoved | wire.Score | wire.Command | wire.Action | wire.Suppression
#: What is about a partition as a whole.
Shared = wire.Tick | wire.FeedsJudged | wire.ShipmentsRead

decode_event = msgspec.json.Decoder(Scan | Rarer | Shared).decode
