"""A plan as progress and detection use it: metres along the path and milliseconds on the clock."""

from __future__ import annotations

import math
import sys
from array import array
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import Final, NamedTuple

from controltower import polyline
from controltower.route.path import Frame, Path
from controltower.route.planned_stop import Placed, PlannedStop, plan_stop
from controltower.route.timeline import to_ms
from schemas import wire

#: Parsed paths kept in memory; a city has far fewer shapes than trips.
_PATHS_KEPT: Final = 4096
#: Placed stops kept in memory: the trips of a line share path and stops, a van's round is its own.
_LAYOUTS_KEPT: Final = 1024

Learned = Mapping[str, tuple[float, int]]
#: (lat, lon) per stop, degrees
NEAR_STOP_M: Final = 60.0
Places = tuple[tuple[float, float], ...]


class Layout(NamedTuple):
    """A path and the stops on it; shared by the trips of a line."""

    frame: Frame
    path: Path
    stops: tuple[Placed, ...]
    along_m: array[float]


@dataclass(frozen=True, slots=True)
class RoutePlan:
    """One version of a plan, parsed once and never changed."""

    route_id: str
    version: int
    tenant: str
    carrier: str
    vehicle_id: str | None
    depot: str | None
    departs_ms: int
    ends_ms: int
    stops: tuple[PlannedStop, ...]
    stop_index: Mapping[str, int]
    stops_along_m: array[float]
    frame: Frame
    path: Path
    has_path: bool
    breaks: tuple[tuple[int, int], ...]
    #: scheduled course: metres along and the time planned for them, both never falling
    course_m: array[float]
    course_ms: array[float]
    #: without a path: how much wider than a corridor the way of each leg may be; else empty
    spare_m: tuple[float, ...] = ()
    #: what was usual before the day of this route: kind of stop and hour -> (stays, quantile in ms)
    learned: Learned = field(default_factory=dict)

    def spare_m_at(self, along_m: float) -> float:
        """What a leg may stray from the straight line between its stops, beyond the corridor's width."""
        if not self.spare_m:
            return 0.0
        legs = len(self.spare_m)
        leg = min(max(bisect_right(self.stops_along_m, along_m) - 1, 0), legs - 1)
        near = leg if leg == 0 or self.stops_along_m[leg] + NEAR_STOP_M < along_m else leg - 1
        far = leg if leg + 1 == legs or along_m + NEAR_STOP_M < self.stops_along_m[leg + 1] else leg + 1
        return max(self.spare_m[near], self.spare_m[leg], self.spare_m[far])

    def planned_ms_at(self, along_m: float) -> float:
        """When the vehicle should be at this place, linear between stops."""
        return _interpolate(self.course_m, self.course_ms, along_m)

    def planned_m_at(self, at_ms: float) -> float:
        """Where the vehicle should be at this time, linear between stops."""
        return _interpolate(self.course_ms, self.course_m, at_ms)

    def in_break(self, at_ms: int) -> bool:
        """True within a planned rest."""
        return bool(self.breaks) and any(start <= at_ms <= end for start, end in self.breaks)


def _interpolate(xs: array[float], ys: array[float], x: float) -> float:
    i = bisect_right(xs, x)
    if i == 0:
        return ys[0]
    if i == len(xs):
        return ys[-1]
    x_before, y_before = xs[i - 1], ys[i - 1]
    return y_before + (ys[i] - y_before) * ((x - x_before) / (xs[i] - x_before))


@lru_cache(maxsize=_PATHS_KEPT)
def _parse_path(encoded: str) -> tuple[Frame, Path]:
    points = polyline.decode(encoded)
    frame = Frame.at(*points[0])
    return frame, Path([frame.to_xy(lat, lon) for lat, lon in points])


def _line_through(places: Places) -> tuple[Frame, Path]:
    frame = Frame.at(*places[0])
    points = [frame.to_xy(lat, lon) for lat, lon in places]
    if all(point == points[0] for point in points):
        points.append((points[0][0] + 1.0, points[0][1]))
    return frame, Path(points)


@lru_cache(maxsize=_LAYOUTS_KEPT)
def _lay_out(encoded: str | None, places: Places) -> Layout:
    """Place the stops: each is looked for behind the one before, so a path may cross itself."""
    frame, path = _parse_path(encoded) if encoded else _line_through(places)
    placed: list[Placed] = []
    low = expected = 0.0
    for lat, lon in places:
        x, y = frame.to_xy(lat, lon)
        if placed:
            expected = low + math.hypot(x - placed[-1].x, y - placed[-1].y)
        low, _ = path.project(x, y, low, path.length_m, expected)
        placed.append(Placed(x, y, low, round(low / path.length_m, 3)))
    return Layout(frame, path, tuple(placed), array("d", [stop.along_m for stop in placed]))


@lru_cache(maxsize=_LAYOUTS_KEPT)
def _index(stop_ids: tuple[str, ...]) -> Mapping[str, int]:
    """Where each stop comes; shared by the trips of a line."""
    return {sys.intern(stop_id): i for i, stop_id in enumerate(stop_ids)}


def spare_of(leg_m: float) -> float:
    """How far roads may lead away from a straight leg of this length, beyond the corridor of a path (m).

    A way that is 1.35 times the straight one bulges by 0.45 of its length, that is what winding roads do
    on long legs. Between stops some hundred metres apart a block or a turn is what matters: 0.2 of the
    length, a little less than a corridor to begin with. Measured on a city's bus lines (legs of 150 to
    900 m): the path lies within 107 m of the line through the stops for 99 % of its length.
    """
    return max(0.2 * leg_m - 15.0, 0.45 * leg_m - 115.0)


def _spares(stops: Sequence[PlannedStop]) -> tuple[float, ...]:
    return tuple(spare_of(math.hypot(b.x - a.x, b.y - a.y)) for a, b in pairwise(stops)) or (0.0,)


def _course(stops: Sequence[PlannedStop]) -> tuple[array[float], array[float]]:
    """The schedule as a curve without steps back: arrival and departure of every stop. Instants as floats, as
    all that is reckoned with them."""
    metres, times = array("d"), array("d")
    for stop in stops:
        for at in (stop.arrival_ms, stop.departure_ms):
            if not times or (at > times[-1] and stop.along_m >= metres[-1]):
                metres.append(stop.along_m)
                times.append(at)
    return metres, times


def parse_plan(plan: wire.Plan) -> RoutePlan:
    """Place the stops on the path and turn instants into ms. Raises ValueError on a path that is none."""
    layout = _lay_out(plan.path, tuple((stop.lat, stop.lon) for stop in plan.stops))
    stops = tuple([plan_stop(stop, placed) for stop, placed in zip(plan.stops, layout.stops, strict=True)])
    course_m, course_ms = _course(stops)
    return RoutePlan(
        plan.route_id,
        plan.version,
        sys.intern(plan.tenant),
        sys.intern(plan.carrier),
        plan.vehicle_id,
        plan.depot,
        to_ms(plan.departs_at),
        to_ms(plan.ends_by),
        stops,
        _index(tuple([stop.stop_id for stop in stops])),
        layout.along_m,
        layout.frame,
        layout.path,
        plan.path is not None,
        tuple((to_ms(rest.starts_at), to_ms(rest.ends_at)) for rest in plan.breaks),
        course_m,
        course_ms,
        () if plan.path is not None else _spares(stops),
    )
