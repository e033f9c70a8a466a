"""Which stops the delay model is asked about, and how finely it is told what it is told."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from controltower.risk.features import FEATURES, SITUATION_FROM, ahead_rows, situation_of
from controltower.route.asking import choose_stops, moment_of
from controltower.route.limits import DEFAULT_LIMITS
from controltower.route.route import Route
from controltower.route.state import RouteState
from tests.unit.test_eta_text import START_MS, plan_of

HOUR_MS = 3_600_000
_NAMES = [name for name, _ in FEATURES]
_HOUR = _NAMES.index("hour")


def route_of(promises: list[timedelta | None]) -> Route:
    """At its first stop, of stops 5 min apart, with a promise so long behind each planned arrival."""
    return Route(RouteState("r"), plan_of([f"s{i}" for i in range(len(promises))], promises))


@given(st.lists(st.integers(1, 3_600), min_size=9, max_size=24))
def test_the_next_the_last_and_the_tightest_between_are_asked_about(buffers_s: list[int]) -> None:
    """Eight in the order of the route; of equally tight ones the sooner."""
    route = route_of([timedelta(seconds=buffer_s) for buffer_s in buffers_s])
    places = range(len(buffers_s))
    tightest = sorted(places[1:-1], key=lambda i: (buffers_s[i], i))[: DEFAULT_LIMITS.score_stops - 2]
    chosen = choose_stops(route, tuple(places), 0, START_MS, DEFAULT_LIMITS)
    assert chosen == tuple(sorted((0, *tightest, places[-1])))


@given(st.integers(0, 24 * HOUR_MS))
def test_the_hour_is_told_to_the_nearest_hundredth(later_ms: int) -> None:
    """By the sun at the place of the route, 11 degrees east: 44 minutes ahead of UTC."""
    route, now_ms = route_of([timedelta(hours=30)]), START_MS + later_ms
    assert route.plan is not None
    ((_, row),) = ahead_rows(moment_of(route, route.plan, 0, now_ms, (0,)), (0,))
    sun_ms = (now_ms + int(route.plan.frame.lon * HOUR_MS / 15)) % (24 * HOUR_MS)
    told = row[_HOUR]
    assert told is not None
    assert abs(told - sun_ms / HOUR_MS) <= 0.005 + 1e-9
    assert told == round(told, 2)


@given(st.floats(0, 5_000), st.floats(0, 5_000))
def test_a_place_is_told_to_the_nearest_tenth_of_a_metre_and_share(off_m: float, reached_m: float) -> None:
    """No feature is cut off: distances to the nearest 0.1 m, shares of the path to the nearest 0.0001."""
    route = route_of([None, None])
    now, plan = route.trail.now, route.plan
    assert plan is not None
    progress = replace(now.progress, at_ms=START_MS, off_m=off_m, reached_m=reached_m)
    route.trail.now = replace(now, progress=progress)
    told = dict(
        zip(_NAMES[SITUATION_FROM:], situation_of(moment_of(route, plan, 0, START_MS, (0, 1))), strict=True)
    )
    for name, exact, parts in (
        ("off_path_m", off_m, 10),
        ("share_done", reached_m / plan.path.length_m, 10_000),
    ):
        value = told[name]
        assert value is not None
        assert abs(value - exact) <= 0.5 / parts + 1e-9
        assert value == round(value * parts) / parts
