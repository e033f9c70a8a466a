"""The routes of a partition: those at work as objects, all others asleep as the bytes of their state.

A restored route sleeps until a record or a deadline touches it; one that has ended sleeps until it is
forgotten. So a restore parses no plan and folds no fix, and what is over costs little memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from controltower.route.clock import SourceClocks
from controltower.route.deadlines import wake_ms
from controltower.route.limits import Limits
from controltower.route.plans import PlanShelf
from controltower.route.route import Route
from controltower.route.snapshots import encode_with
from controltower.route.state import (
    RouteState,
    decode_state,
    encode_state,
    lacks_plan_times,
    read_state,
)
from controltower.route.trail import fold_on


class Routes:
    """One object per partition, beside its plans and clocks."""

    def __init__(self, shelf: PlanShelf, clocks: SourceClocks, limits: Limits) -> None:
        self._shelf = shelf
        self._clocks = clocks
        self._limits = limits
        self._awake: dict[str, Route] = {}
        self._asleep: dict[str, bytes] = {}
        #: restored from schema 1: their bytes do not tell when something falls due
        self._timeless: list[str] = []
        self._wakes: list[tuple[int, str]] = []

    def restore(self, value: bytes) -> None:
        """Take a state from the changelog."""
        state = read_state(value)
        self._asleep[state.route_id] = value
        if lacks_plan_times(state):
            self._timeless.append(state.route_id)
        else:
            self._wakes.append((wake_ms(state, self._limits), state.route_id))

    def take_wakes(self) -> Iterator[tuple[int, str]]:
        """After the last restore(), once: when to look at each restored route at the latest."""
        for route_id in self._timeless:
            state = decode_state(self._asleep[route_id])
            times = self._shelf.find_times_ms(route_id)
            if times is not None:
                state.plan_ends_ms, state.plan_departs_ms = times
                self._asleep[route_id] = encode_state(state)
            self._wakes.append((wake_ms(state, self._limits), route_id))
        wakes, self._wakes, self._timeless = self._wakes, [], []
        yield from wakes

    def find(self, route_id: str) -> Route | None:
        """The route, awake."""
        return self._awake.get(route_id) or self._wake(route_id)

    def open(self, route_id: str) -> Route:
        """A new route, known by its name alone."""
        route = self._awake[route_id] = Route(RouteState(route_id))
        return route

    def write(self, route_id: str) -> bytes | None:
        """The state for the changelog, None where the route is forgotten. What has ended falls asleep."""
        route = self._awake.get(route_id)
        if route is None:
            return self._asleep.get(route_id)
        value = encode_with(route.state, route.trail)
        if route.state.ended_ms:
            self._asleep[route_id] = value
            del self._awake[route_id]
        return value

    def awake(self) -> Iterable[Route]:
        """The routes at work."""
        return self._awake.values()

    def forget(self, route_id: str) -> None:
        """Nothing of it is left."""
        self._awake.pop(route_id, None)
        self._asleep.pop(route_id, None)

    def _wake(self, route_id: str) -> Route | None:
        value = self._asleep.pop(route_id, None)
        if value is None:
            return None
        route = self._awake[route_id] = Route(decode_state(value))
        if not route.state.ended_ms:
            plan = self._shelf.find(route_id)
            route.plan = plan and replace(plan, learned=route.state.learned)
            if route.plan is not None:
                fold_on(route.trail, route.plan, self._limits)
            route.source_over_ms = self._clocks.over_ms.get(route.state.source, 0)
        return route
