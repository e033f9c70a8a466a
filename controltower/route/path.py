"""A planned path in metres, and where on it a fix lies (linear referencing)."""

from __future__ import annotations

import itertools
import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

#: Mean metres per degree of latitude (WGS 84 mean radius 6,371,008.8 m).
METRES_PER_DEGREE: Final = 6_371_008.8 * math.pi / 180
#: Points closer than this to the line between their neighbours are dropped: far below the noise of a fix.
SIMPLIFY_M: Final = 2.0
#: Metres of offset that one metre of distance from the expected place costs. It separates the two passes
#: of a path that crosses itself or doubles back, where both offsets are equal.
NEARNESS_WEIGHT: Final = 0.02
#: The same for places behind. Where a path goes back by the street that it came, both lie as near to a
#: vehicle that has turned, and vehicles drive on: what is ahead may be three times as far.
BEHIND_WEIGHT: Final = 0.06


@dataclass(frozen=True, slots=True)
class Frame:
    """A local flat frame: x east, y north, metres from an origin. Good to 0.1 % within 100 km."""

    lat: float
    lon: float
    x_scale: float

    @classmethod
    def at(cls, lat: float, lon: float) -> Frame:
        """Frame whose origin is (lat, lon) in degrees."""
        return cls(lat, lon, METRES_PER_DEGREE * math.cos(math.radians(lat)))

    def to_xy(self, lat: float, lon: float) -> tuple[float, float]:
        """Metres east and north of the origin."""
        return (lon - self.lon) * self.x_scale, (lat - self.lat) * METRES_PER_DEGREE


def simplify(points: Sequence[tuple[float, float]], tolerance_m: float) -> list[tuple[float, float]]:
    """Ramer-Douglas-Peucker on (x, y) metres: ends are kept, no dropped point is further off than allowed."""
    keep = {0, len(points) - 1}
    open_spans = [(0, len(points) - 1)]
    while open_spans:
        first, last = open_spans.pop()
        worst_at = _find_furthest(points, first, last, tolerance_m)
        if worst_at is not None:
            keep.add(worst_at)
            open_spans += [(first, worst_at), (worst_at, last)]
    return [points[i] for i in sorted(keep)]


def _find_furthest(
    points: Sequence[tuple[float, float]], first: int, last: int, tolerance_m: float
) -> int | None:
    """The point between these two that lies furthest from the segment between them, if beyond the tolerance.

    One loop without calls: a new path of 300 points asks for 4,000 distances.
    """
    (ax, ay), (bx, by) = points[first], points[last]
    dx, dy = bx - ax, by - ay
    length_squared = dx * dx + dy * dy or math.inf
    worst_squared, worst_at = tolerance_m * tolerance_m, None
    for i in range(first + 1, last):
        x, y = points[i]
        x -= ax
        y -= ay
        share = (x * dx + y * dy) / length_squared
        if share > 0.0:
            if share > 1.0:
                share = 1.0
            x -= share * dx
            y -= share * dy
        squared = x * x + y * y
        if squared > worst_squared:
            worst_squared, worst_at = squared, i
    return worst_at


class Path:
    """A polyline in a local frame with its running length; three numbers a point, since each van has its own.

    points: (x, y) in metres. Raises ValueError on fewer than two distinct points.
    """

    __slots__ = ("along", "length_m", "xs", "ys")

    def __init__(self, points: Sequence[tuple[float, float]]) -> None:
        distinct = [points[0]] if points else []
        distinct += [b for a, b in itertools.pairwise(points) if a != b]
        if len(distinct) < 2:
            raise ValueError("a path needs two distinct points")
        kept = simplify(distinct, SIMPLIFY_M)
        self.xs, self.ys = [x for x, _ in kept], [y for _, y in kept]
        self.along = [0.0]
        for a, b in itertools.pairwise(kept):
            self.along.append(self.along[-1] + math.hypot(b[0] - a[0], b[1] - a[1]))
        self.length_m = self.along[-1]

    def project(
        self, x: float, y: float, low_m: float, high_m: float, expected_m: float
    ) -> tuple[float, float]:
        """Nearest point within [low_m, high_m] along the path: (along_m, offset_m).

        Among places equally near, the one next to `expected_m` wins, ahead rather than behind.
        """
        along, xs, ys = self.along, self.xs, self.ys
        at = bisect_right(along, low_m) - 1 if low_m > 0.0 else 0
        last = min(max(bisect_left(along, high_m), at + 1), len(along) - 1)
        best_cost, best_along, best_offset = math.inf, low_m, math.inf
        if at >= last:
            return best_along, best_offset
        reach_m = math.inf  # from here on, being so far along costs more than the best place found
        ax, ay, start, end = xs[at], ys[at], along[at], along[at + 1]
        while start < reach_m:
            bx, by, length = xs[at + 1], ys[at + 1], end - start
            dx, dy, ex, ey = bx - ax, by - ay, x - ax, y - ay
            share = (ex * dx + ey * dy) / (length * length)
            if share > 0.0:
                if share > 1.0:
                    share = 1.0
                ex -= share * dx
                ey -= share * dy
            else:
                share = 0.0
            offset = math.sqrt(ex * ex + ey * ey)
            if offset < best_cost:
                here = start + share * length
                further = here - expected_m
                cost = offset + further * (NEARNESS_WEIGHT if further >= 0.0 else -BEHIND_WEIGHT)
                if cost < best_cost:
                    best_cost, best_along, best_offset = cost, here, offset
                    reach_m = expected_m + cost / NEARNESS_WEIGHT
            at += 1
            if at >= last:
                break
            # a metre along brings it a metre nearer at most, so nothing before this is better
            worth_m = start + length + offset - best_cost
            ax, ay, start, end = bx, by, end, along[at + 1]
            if end < worth_m:
                at = bisect_right(along, worth_m, at + 1) - 1
                if at >= last:
                    break
                ax, ay, start, end = xs[at], ys[at], along[at], along[at + 1]
        return best_along, best_offset
