"""The end of a route: what is open closes, and nothing opens any more."""

from __future__ import annotations

from typing import Final

from controltower.route.judge import end_episode
from controltower.route.limits import Limits
from controltower.route.route import Effects, Route
from schemas.vocabulary import Milestone, Resolution, RouteEnd

#: A scan of one of these at a stop means that the stop is done.
SERVING: Final = frozenset(
    {
        Milestone.STOP_DEPARTED,
        Milestone.ATTEMPT_FAILED,
        Milestone.DELIVERED,
        Milestone.AVAILABLE_FOR_PICKUP,
        Milestone.PICKED_UP,
    }
)


def end_route(route: Route, because: RouteEnd, at_ms: int, limits: Limits, effects: Effects) -> None:
    """Close every open exception and forget the fixes. What ran into the plan's end EXPIRED."""
    resolution = Resolution.EXPIRED if because is RouteEnd.PLAN_OVER else Resolution.AUTO
    for episode in list(route.state.episodes):
        end_episode(
            route, episode, Resolution.AUTO if episode.cleared_ms else resolution, at_ms, limits, effects
        )
    state = route.state
    state.ended_ms, state.ended_because = at_ms, because
    route.trail.end()


def is_finished(route: Route) -> bool:
    """True once the last stop is served: reached where nobody scans there, scanned where parcels are due.

    A vehicle that only drives past the last address has not delivered there yet.
    """
    plan = route.plan
    if plan is None:
        return False
    last = len(plan.stops) - 1
    if route.state.served >> last & 1:
        return True
    return route.trail.now.progress.next_stop > last and not plan.stops[last].shipments
