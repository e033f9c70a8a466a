"""When a route's status is told again: where its reader would be misled by the last one."""

from __future__ import annotations

from controltower.route.evidence import Progress, Snapshot, Standing
from controltower.route.limits import DEFAULT_LIMITS
from controltower.route.plan import parse_plan
from controltower.route.route import Effects, Route
from controltower.route.state import RouteState
from controltower.route.status import tell_if_new
from tests.unit.roads import ROUTE, START_MS, make_plan

PLAN = parse_plan(make_plan())
MINUTE_MS = 60_000


def statuses(slips_s: list[int]) -> list[int]:
    """Minutes at which a status is told, of a moving vehicle that is so late at each minute."""
    route, told = Route(RouteState(ROUTE), PLAN), []
    for minute, slip_s in enumerate(slips_s):
        at_ms, effects = START_MS + minute * MINUTE_MS, Effects()
        progress = Progress(at_ms=at_ms, departed_ms=START_MS, slip_ms=slip_s * 1000)
        route.trail.now = Snapshot(progress, Standing(since_ms=at_ms, seen_ms=at_ms))
        tell_if_new(route, at_ms, DEFAULT_LIMITS, effects)
        told += [minute] * len(effects.said)
    return told


def width_s() -> int:
    """Half of the band that is told of the next stop at the start."""
    route, effects = Route(RouteState(ROUTE), PLAN), Effects()
    route.trail.now = Snapshot(Progress(at_ms=START_MS, departed_ms=START_MS))
    tell_if_new(route, START_MS, DEFAULT_LIMITS, effects)
    return route.state.told.band_ms // 1000


def test_a_slip_within_the_band_that_was_told_is_no_news() -> None:
    """It is told with the next status in its turn, after five minutes."""
    assert statuses([0, width_s(), width_s(), width_s(), width_s(), width_s()]) == [0, 5]


def test_a_slip_out_of_the_band_is_told() -> None:
    """Within a minute of stream time; what was told then is what counts from there on."""
    late_s = width_s() + 1
    assert statuses([0, late_s, late_s, late_s]) == [0, 1]
