"""Which shipments the plans in force carry, so that one that is taken out of its plan is told."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from controltower.clock import epoch_ms_of
from controltower.streaming.stage import Out
from schemas import topics
from schemas.plan import Plan
from schemas.wire import Assignment, encode

MANIFEST_KEY: Final = b"p/"
#: As long as the state of a route is kept after its end.
KEEP_ENDED_MS: Final = 24 * 3600 * 1000


class Manifest(msgspec.Struct, array_like=True):
    """The newest plan of a route: its version, when it ends (epoch ms), and what it carries."""

    version: int
    ends_ms: int
    shipment_ids: tuple[str, ...]


class Manifests:
    """The plans of one partition. Planners key plans by route, so that all versions meet here."""

    def __init__(self) -> None:
        self._routes: dict[str, Manifest] = {}
        self._changed: set[str] = set()
        #: none ends before; the look that finds it too early costs nothing but itself
        self._next_end_ms = 0

    def restore(self, route_id: str, value: bytes) -> None:
        """Take the changelog entry of a route."""
        self._routes[route_id] = msgspec.msgpack.decode(value, type=Manifest)

    def take(self, plan: Plan, received_at: datetime) -> list[Out]:
        """A plan came: the null assignments of the shipments that its version no longer carries."""
        carried = dict.fromkeys(shipment_id for stop in plan.stops for shipment_id in stop.shipment_ids)
        before = self._routes.get(plan.route_id)
        if before is not None and plan.version <= before.version:
            return []
        ends_ms = epoch_ms_of(plan.ends_by)
        self._routes[plan.route_id] = Manifest(plan.version, ends_ms, tuple(carried))
        self._next_end_ms = min(self._next_end_ms, ends_ms)
        self._changed.add(plan.route_id)
        gone = (
            [shipment_id for shipment_id in before.shipment_ids if shipment_id not in carried]
            if before
            else []
        )
        return [_release(shipment_id, plan, received_at) for shipment_id in gone]

    def forget_ended(self, now_ms: int) -> None:
        """Drop the plans that ended 24 h ago or earlier."""
        if self._next_end_ms + KEEP_ENDED_MS > now_ms:
            return
        ended = [route for route, plan in self._routes.items() if plan.ends_ms + KEEP_ENDED_MS <= now_ms]
        for route_id in ended:
            del self._routes[route_id]
            self._changed.add(route_id)
        self._next_end_ms = min((plan.ends_ms for plan in self._routes.values()), default=now_ms)

    def take_changes(self) -> list[tuple[bytes, bytes | None]]:
        """Changelog entries since the last call."""
        routes, self._changed = sorted(self._changed), set()
        return [
            (MANIFEST_KEY + route.encode(), msgspec.msgpack.encode(found) if found else None)
            for route in routes
            for found in (self._routes.get(route),)
        ]


def _release(shipment_id: str, plan: Plan, received_at: datetime) -> Out:
    told = Assignment(
        shipment_id=shipment_id,
        route_id=None,
        stop_id=None,
        plan_version=plan.version,
        received_at=received_at,
        taken_from=plan.route_id,
    )
    return Out(topics.SHIPMENT_EVENTS, shipment_id.encode(), encode(told))
