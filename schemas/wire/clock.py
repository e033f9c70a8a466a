"""Up to when a source is read, and which route carries a parcel."""

from __future__ import annotations

from datetime import datetime

import msgspec


class Tick(msgspec.Struct, tag_field="schema", tag="controltower.tick/1", kw_only=True, gc=False):
    source: str
    sources: int
    upto: datetime
    empty: bool = False
    over: bool = False


class ShipmentsRead(
    msgspec.Struct, tag_field="schema", tag="controltower.shipments-read/1", kw_only=True, gc=False
):
    source: str
    sources: int
    upto: datetime


class Assignment(msgspec.Struct, tag_field="schema", tag="controltower.assignment/1", kw_only=True, gc=False):
    shipment_id: str
    route_id: str | None
    stop_id: str | None
    plan_version: int
    received_at: datetime
    taken_from: str | None = None
