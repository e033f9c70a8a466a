"""A stop of a parsed plan.

Not compiled: there a number is made anew wherever it is passed on, and here trips share theirs.
"""

from __future__ import annotations

import sys
from functools import lru_cache
from typing import NamedTuple

import msgspec

from controltower.route.timeline import to_ms
from schemas import wire
from schemas.vocabulary import StopKind

#: Standing here is planned: it is no halt, however long.
_RESTING_KINDS = frozenset({StopKind.DEPOT, StopKind.HUB, StopKind.BREAK})
#: Promises minus planned arrivals: a buffer and a few windows.
_BUFFERS_KEPT = 4096


class Placed(NamedTuple):
    """A stop on a path, and where on it that is: 0 its beginning, 1 its end."""

    x: float
    y: float
    along_m: float
    path_share: float


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


def _eta_head(stop: wire.Stop) -> str:
    head = wire.encode({"stop_id": stop.stop_id, "promised_by": stop.promised_by})
    return f'{head[:-1].decode()},"p10":"'


def plan_stop(stop: wire.Stop, placed: Placed) -> PlannedStop:
    """With its instants in ms, at its place on the path."""
    arrival_ms = to_ms(stop.planned_arrival)
    promised_ms = to_ms(stop.promised_by) if stop.promised_by else None
    leaves_at_once = stop.planned_departure == stop.planned_arrival
    return PlannedStop(
        sys.intern(stop.stop_id),
        *placed[:3],
        arrival_ms,
        arrival_ms if leaves_at_once else to_ms(stop.planned_departure),
        promised_ms,
        int(stop.service_s * 1000),
        stop.kind,
        len(stop.shipment_ids),
        stop.zone,
        stop.service_tier,
        _eta_head(stop),
        placed.path_share,
        None if promised_ms is None else _buffer_s(promised_ms - arrival_ms),
    )


@lru_cache(maxsize=_BUFFERS_KEPT)
def _buffer_s(ms: int) -> float:
    """In seconds; most stops have the same few."""
    return ms / 1000
