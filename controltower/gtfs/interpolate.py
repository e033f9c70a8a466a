"""Times of stops that a schedule leaves open, from the stops around them and the way between."""

from __future__ import annotations

from itertools import pairwise
from math import cos, hypot, radians
from typing import Protocol, TypeVar

_METRES_PER_DEGREE = 111_195.0


class _Visit(Protocol):
    place: tuple[float, float]
    arrival_s: float | None
    departure_s: float | None


V = TypeVar("V", bound=_Visit)


def fill_times(visits: list[V]) -> list[V]:
    """The visits from the first to the last that has a time, the open ones between them filled in.

    Between two known times the way is taken at one speed along the straight lines from stop to stop.
    A schedule without any time gives an empty list.
    """
    known = [index for index, visit in enumerate(visits) if visit.arrival_s is not None]
    if not known:
        return []
    for before, after in pairwise(known):
        _fill(visits[before : after + 1])
    return visits[known[0] : known[-1] + 1]


def _fill(stretch: list[V]) -> None:
    """Fill what is open between the first and the last visit, whose times are known."""
    starts_s, ends_s = stretch[0].departure_s, stretch[-1].arrival_s
    assert starts_s is not None
    assert ends_s is not None
    ways_m = [_way_m(one.place, other.place) for one, other in pairwise(stretch)]
    whole_m, gone_m = sum(ways_m), 0.0
    for way_m, visit in zip(ways_m[:-1], stretch[1:-1], strict=True):
        gone_m += way_m
        share = gone_m / whole_m if whole_m > 0 else 0.0
        visit.arrival_s = visit.departure_s = round(starts_s + share * (ends_s - starts_s))


def _way_m(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Length of a straight line in metres; flat-earth is enough between two stops."""
    east = (other[1] - one[1]) * cos(radians((one[0] + other[0]) / 2))
    return hypot(other[0] - one[0], east) * _METRES_PER_DEGREE
