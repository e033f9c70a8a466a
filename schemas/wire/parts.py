"""What records of several kinds are made of."""

from __future__ import annotations

import msgspec


class WirePart(msgspec.Struct, frozen=True, gc=False):
    """A piece of a record."""


class Source(WirePart, frozen=True, gc=False):
    topic: str
    partition: int
    offset: int
    index: int = 0


class Place(WirePart, frozen=True, gc=False):
    lat: float | None = None
    lon: float | None = None
    accuracy_m: float | None = None
    speed_mps: float | None = None
    bearing_deg: float | None = None
    name: str | None = None
    hub: str | None = None


class Contribution(WirePart, frozen=True, gc=False):
    feature: str
    value: float | None
    effect: float
    words: str | None = None
