"""A stop of a parsed plan."""

from __future__ import annotations

import msgspec

from schemas.vocabulary import StopKind

#: Standing here is planned: it is no halt, however long.
_RESTING_KINDS = frozenset({StopKind.DEPOT, StopKind.HUB, StopKind.BREAK})


class PlannedStop(msgspec.Struct, frozen=True, gc=False):
    """One stop. Times in ms, `along_m` on the path (or on the line through the stops where there is none)."""

    stop_id: str
    x: float
    y: float
    along_m: float
    arrival_ms: int
    departure_ms: int
    promised_ms: int | None
    service_ms: int
    kind: StopKind
    shipments: int
    zone: str | None
    service_tier: str | None
    #: the beginning of its ETA as JSON (`wire.StopEta`), up to the first of the instants
    eta_head: str
    #: where on the path it lies (0 its beginning, 1 its end), and promise minus planned arrival (s)
    path_share: float
    buffer_s: float | None

    @property
    def may_rest(self) -> bool:
        """True where a vehicle may stand as long as it likes."""
        return self.kind in _RESTING_KINDS
