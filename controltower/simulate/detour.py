"""Find a way off the planned path and back that nobody could take for the path itself."""

from __future__ import annotations

import math
from itertools import pairwise
from random import Random

from controltower.simulate.city import Point
from controltower.simulate.incidents import Incident, Kind
from controltower.simulate.lines import distance_to_line_m, length_m, point_at
from controltower.simulate.rounds import Round

#: A detour counts as one beyond this distance from the whole planned path, over at least this length driven
#: (at city speed well over 3 min).
OFF_PATH_M = 200.0
_OFF_PATH_LENGTH_M = 1700.0
_STEP_M = 40.0


def find_detour(tour: Round, block_m: float, legs: list[int], rng: Random) -> Incident | None:
    """Try the given legs in turn: some blocks aside, some along, and back. None where no way fits."""
    if not tour.has_path:
        return None
    path = tour.path
    for index in legs:
        along_m = rng.uniform(0.1, 0.7) * length_m(tour.legs[index])
        leave, corner = point_at(tour.legs[index], along_m)
        behind, before = tour.legs[index][corner], tour.legs[index][corner + 1]
        crossing = (round(leave[0] / block_m) * block_m, round(leave[1] / block_m) * block_m)
        if not _is_between(crossing, behind, before):
            continue
        along_m += math.dist(behind, crossing) - math.dist(behind, leave)
        aside_m = rng.choice((-1, 1)) * rng.randint(4, 9) * block_m
        onward_m = rng.randint(4, 10) * block_m
        way, rejoin_m = _way_round(crossing, behind, before, aside_m, onward_m, along_m)
        if _off_path_length_m(way, path) >= _OFF_PATH_LENGTH_M:
            return Incident(Kind.ROUTE_DEVIATION, index, along_m, excursion=tuple(way), rejoin_m=rejoin_m)
    return None


def _is_between(point: Point, a: Point, b: Point) -> bool:
    return math.isclose(math.dist(a, point) + math.dist(point, b), math.dist(a, b), abs_tol=0.1)


def _way_round(
    leave: Point, behind: Point, before: Point, aside_m: float, onward_m: float, along_m: float
) -> tuple[list[Point], float]:
    """Corners of the detour, and where on the leg it comes back: ahead if the street is long enough."""
    size = math.dist(behind, before)
    ahead = (before[0] - behind[0]) / size, (before[1] - behind[1]) / size
    out = leave[0] - ahead[1] * aside_m, leave[1] + ahead[0] * aside_m
    far = out[0] + ahead[0] * onward_m, out[1] + ahead[1] * onward_m
    beside = leave[0] + ahead[0] * onward_m, leave[1] + ahead[1] * onward_m
    if math.dist(leave, before) >= onward_m:
        return [leave, out, far, beside], along_m + onward_m
    return [leave, out, far, beside, leave], along_m


def _off_path_length_m(way: list[Point], path: list[Point]) -> float:
    """Longest stretch of `way` that stays off the path."""
    if any(distance_to_line_m(corner, path) <= OFF_PATH_M for corner in way[1:3]):
        return 0.0
    longest = here = 0.0
    for a, b in pairwise(way):
        steps = max(1, round(math.dist(a, b) / _STEP_M))
        for k in range(steps):
            point = a[0] + (b[0] - a[0]) * k / steps, a[1] + (b[1] - a[1]) * k / steps
            is_off = distance_to_line_m(point, path) > OFF_PATH_M
            here = here + math.dist(a, b) / steps if is_off else 0.0
            longest = max(longest, here)
    return longest
