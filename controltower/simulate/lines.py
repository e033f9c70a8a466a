"""Lengths and distances along polylines in metres."""

from __future__ import annotations

import math
from itertools import pairwise

from controltower.simulate.city import Point


def length_m(points: list[Point]) -> float:
    """Length of a polyline."""
    return sum(math.dist(a, b) for a, b in pairwise(points))


def point_at(points: list[Point], along_m: float) -> tuple[Point, int]:
    """The point `along_m` down the polyline (its end, if longer), and the index of the corner behind it."""
    left_m = along_m
    for index, (a, b) in enumerate(pairwise(points)):
        piece_m = math.dist(a, b)
        if left_m <= piece_m and piece_m > 0:
            share = left_m / piece_m
            return (a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share), index
        left_m -= piece_m
    return points[-1], len(points) - 2


def distance_to_line_m(point: Point, line: list[Point]) -> float:
    """Shortest distance from a point to a polyline."""
    return min(_to_piece_m(point, a, b) for a, b in pairwise(line))


def _to_piece_m(point: Point, a: Point, b: Point) -> float:
    dx, dy = b[0] - a[0], b[1] - a[1]
    square = dx * dx + dy * dy
    share = 0.0 if square == 0 else ((point[0] - a[0]) * dx + (point[1] - a[1]) * dy) / square
    share = min(1.0, max(0.0, share))
    return math.dist(point, (a[0] + dx * share, a[1] + dy * share))


def split_at(points: list[Point], along_m: float) -> tuple[list[Point], list[Point]]:
    """The polyline up to `along_m`, and the rest from there."""
    middle, corner = point_at(points, along_m)
    return [*points[: corner + 1], middle], [middle, *points[corner + 1 :]]
