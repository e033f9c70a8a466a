"""A city that never was: a square street grid, slightly turned, with depots at its rim. Metres inside."""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random

#: A point in metres east and north of the city's centre, along its streets.
Point = tuple[float, float]

#: Centre of the grid: open fields in reality, in the time zone that the local feed assumes.
CENTRE_LAT, CENTRE_LON = 51.62, 13.05
_TURN_RAD = math.radians(11.0)
_M_PER_DEG_LAT = 111_320.0
_M_PER_DEG_LON = _M_PER_DEG_LAT * math.cos(math.radians(CENTRE_LAT))
_COS, _SIN = math.cos(_TURN_RAD), math.sin(_TURN_RAD)


def to_degrees(point: Point) -> tuple[float, float]:
    """(lat, lon) of a point of the city."""
    x, y = point
    east, north = x * _COS - y * _SIN, x * _SIN + y * _COS
    return CENTRE_LAT + north / _M_PER_DEG_LAT, CENTRE_LON + east / _M_PER_DEG_LON


def to_bearing_deg(dx: float, dy: float) -> float:
    """Compass bearing of a move by (dx, dy) along the turned streets."""
    east, north = dx * _COS - dy * _SIN, dx * _SIN + dy * _COS
    return math.degrees(math.atan2(east, north)) % 360.0


@dataclass(frozen=True, slots=True)
class City:
    """`size_m` is the side of the square; streets lie every `block_m`."""

    size_m: float
    block_m: float
    depots: tuple[Point, ...]

    @property
    def reach_m(self) -> float:
        """Distance from the centre to the outermost street."""
        return self.size_m / 2

    def snap(self, value: float) -> float:
        """The coordinate of the nearest street."""
        return round(value / self.block_m) * self.block_m

    def address_near(self, x: float, y: float, rng: Random) -> Point:
        """A door on a street near (x, y): never on a crossing."""
        along = rng.uniform(0.2, 0.8) * self.block_m
        if rng.random() < 0.5:
            return self.snap(x) + along, self.snap(y)
        return self.snap(x), self.snap(y) + along

    def on_east_west_street(self, point: Point) -> bool:
        """True where the street runs along x."""
        return math.isclose(point[1], self.snap(point[1]), abs_tol=1e-6)

    def streets_between(self, start: Point, end: Point) -> list[Point]:
        """A way from door to door that never leaves the streets: at most two turns more than the shortest."""
        from_ew, to_ew = self.on_east_west_street(start), self.on_east_west_street(end)
        if from_ew and to_ew and math.isclose(start[1], end[1], abs_tol=1e-6):
            corners = []
        elif from_ew and to_ew:
            x = self.snap((start[0] + end[0]) / 2)
            corners = [(x, start[1]), (x, end[1])]
        elif from_ew:
            corners = [(end[0], start[1])]
        elif to_ew:
            corners = [(start[0], end[1])]
        elif math.isclose(start[0], end[0], abs_tol=1e-6):
            corners = []
        else:
            y = self.snap((start[1] + end[1]) / 2)
            corners = [(start[0], y), (end[0], y)]
        return _without_repeats([start, *corners, end])


def _without_repeats(points: list[Point]) -> list[Point]:
    kept = points[:1]
    for point in points[1:]:
        if math.dist(point, kept[-1]) > 0.5:
            kept.append(point)
    return kept if len(kept) > 1 else [*kept, points[-1]]


def lay_out_city(rng: Random, size_m: float, block_m: float, depots: int) -> City:
    """A city with its depots spread around the rim."""
    bare = City(size_m, block_m, ())
    first = rng.uniform(0.0, math.tau)
    places = []
    for index in range(depots):
        angle = first + math.tau * index / depots
        radius = bare.reach_m * 0.8
        places.append(bare.address_near(radius * math.cos(angle), radius * math.sin(angle), rng))
    return City(size_m, block_m, tuple(places))
