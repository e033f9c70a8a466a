"""Where on its path a fix lies: the search passes over what cannot be nearer, and finds what a look at every
piece would find."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controltower.route.path import BEHIND_WEIGHT, NEARNESS_WEIGHT, Path

METRES = st.integers(-1500, 1500).map(float)
PLACES = st.tuples(METRES, METRES)


def cost_m(along_m: float, offset_m: float, expected_m: float) -> float:
    """What a place costs: how far off the fix lies, and how far it is from where the vehicle is expected."""
    further_m = along_m - expected_m
    return offset_m + (NEARNESS_WEIGHT * further_m if further_m >= 0 else -BEHIND_WEIGHT * further_m)


def cheapest_m(path: Path, x: float, y: float, low_m: float, high_m: float, expected_m: float) -> float:
    """The least cost over all pieces in the window, each looked at for itself."""
    costs = []
    for (ax, ay, start_m), (bx, by, end_m) in pairwise(zip(path.xs, path.ys, path.along, strict=True)):
        if end_m < low_m or start_m >= high_m:
            continue
        dx, dy, length_m = bx - ax, by - ay, end_m - start_m
        share = ((x - ax) * dx + (y - ay) * dy) / length_m**2
        share = min(1.0, max(0.0, share))
        offset_m = math.hypot(x - ax - share * dx, y - ay - share * dy)
        here_m = start_m + share * length_m
        costs.append(cost_m(here_m, offset_m, expected_m))
    return min(costs)


@given(
    points=st.lists(PLACES, min_size=2, max_size=12, unique=True),
    fix=PLACES,
    low_share=st.floats(0, 0.9),
    high_share=st.floats(0.1, 1.5),
    expected_share=st.floats(0, 1),
)
def test_no_nearer_place_is_passed_over(
    points: list[tuple[float, float]],
    fix: tuple[float, float],
    low_share: float,
    high_share: float,
    expected_share: float,
) -> None:
    """On paths that cross themselves and double back, in any window."""
    path = Path(points)
    low_m, expected_m = low_share * path.length_m, expected_share * path.length_m
    high_m = low_m + high_share * path.length_m
    along_m, offset_m = path.project(*fix, low_m, high_m, expected_m)
    cost = cost_m(along_m, offset_m, expected_m)
    assert cost == pytest.approx(cheapest_m(path, *fix, low_m, high_m, expected_m))
