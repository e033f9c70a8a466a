"""What is kept of a vehicle. Apart from what is done with it, since a struct is not compiled."""

from __future__ import annotations

import msgspec


class Vehicle(msgspec.Struct, array_like=True):
    """State of one vehicle. `fixed_at_ms` is the latest fix on the current route."""

    seen_ms: int
    route_id: str | None = None
    fixed_at_ms: int = 0
    left: dict[str, int] = {}  # route -> when it was left
    skew_ms: int = 0
    skew_before_ms: int = 0
    skew_since_ms: int = 0
    #: the newest time that it told, as it told it
    told_ms: int = 0
