"""How a route and its vehicle stand."""

from __future__ import annotations

from enum import StrEnum


class StopKind(StrEnum):
    """What a planned stop is for."""

    DELIVERY = "delivery"
    PICKUP = "pickup"
    DEPOT = "depot"
    HUB = "hub"
    BREAK = "break"


class Phase(StrEnum):
    """How far a route has come."""

    PLANNED = "PLANNED"
    UNDERWAY = "UNDERWAY"
    ENDED = "ENDED"


class Motion(StrEnum):
    """How a vehicle stands to its plan right now; the ways to stand still are never mixed up."""

    UNKNOWN = "UNKNOWN"
    MOVING = "MOVING"
    PLANNED_DWELL = "PLANNED_DWELL"
    HALTED = "HALTED"
    PERMITTED_BREAK = "PERMITTED_BREAK"
    SIGNAL_LOST = "SIGNAL_LOST"


class RouteEnd(StrEnum):
    """Why a route ended."""

    LAST_STOP_SERVED = "LAST_STOP_SERVED"
    VEHICLE_ON_NEXT_ROUTE = "VEHICLE_ON_NEXT_ROUTE"
    PLAN_OVER = "PLAN_OVER"
