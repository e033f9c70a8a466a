"""What came true of the scores, as the route itself finds out."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from controltower.route.outcomes import await_outcomes, settle_outcomes
from controltower.route.packed import NO_ENTRIES, pack
from controltower.route.plan import RoutePlan, parse_plan
from controltower.route.route import Effects, Route
from controltower.route.state import RouteState, decode_state, encode_state
from tests.unit.roads import make_plan


@pytest.fixture
def plan() -> RoutePlan:
    """Stops of which each has a promise."""
    return parse_plan(make_plan())


def answered(plan: RoutePlan, **p_late: float) -> Route:
    """A route underway with answers for some stops: `s1=0.25` is stop 1."""
    route = Route(RouteState("R1"), plan)
    say(route, plan, **p_late)
    return route


def say(route: Route, plan: RoutePlan, **p_late: float) -> None:
    route.state.risk.p_late = pack({int(name[1:]): p for name, p in p_late.items()})
    await_outcomes(route, plan)


def promised_ms(plan: RoutePlan, stop: int) -> int:
    ends_ms = plan.stops[stop].promised_ms
    assert ends_ms is not None
    return ends_ms


def settled(route: Route, at_ms: int, now_ms: int) -> dict[tuple[str, ...], int]:
    effects = Effects()
    settle_outcomes(route, at_ms, now_ms, effects)
    return effects.tallies


def test_a_stop_counts_once_with_what_was_said_first(plan: RoutePlan) -> None:
    """25 % were said long before and 90 % at last; it was served in time: one outcome of 25 %."""
    route = answered(plan, s1=0.25)
    say(route, plan, s1=0.9, s2=0.5)
    in_time_ms = promised_ms(plan, 1)
    route.state.served = 0b10
    assert settled(route, in_time_ms, in_time_ms) == {
        ("outcomes", "0.2", "in_time"): 1,
        ("said_permille", "0.2"): 250,
    }
    assert settled(route, in_time_ms, in_time_ms) == {}


def test_served_after_its_promise_is_late(plan: RoutePlan) -> None:
    """A millisecond after the window."""
    route = answered(plan, s1=1.0)
    route.state.served = 0b10
    late_ms = promised_ms(plan, 1) + 1
    assert settled(route, late_ms, late_ms) == {
        ("outcomes", "0.9", "late"): 1,
        ("said_permille", "0.9"): 1000,
    }


def test_a_stop_that_was_passed_counts_though_nothing_was_scanned(plan: RoutePlan) -> None:
    """By the time at which it was passed; the stop ahead waits on."""
    route = answered(plan, s1=0.3, s2=0.5)
    now = route.trail.now
    route.trail.now = replace(now, progress=replace(now.progress, next_stop=2))
    in_time_ms = promised_ms(plan, 1)
    assert settled(route, in_time_ms, in_time_ms) == {
        ("outcomes", "0.3", "in_time"): 1,
        ("said_permille", "0.3"): 300,
    }
    assert settled(route, in_time_ms, in_time_ms) == {}


def test_a_promise_that_ends_unserved_is_late_once_a_scan_would_be_here(plan: RoutePlan) -> None:
    """Two minutes are left to the scan of a stop that was served in time; other stops wait on."""
    route = answered(plan, s1=0.0, s2=0.5)
    grace_ms = promised_ms(plan, 1) + 120_000
    assert settled(route, grace_ms, grace_ms) == {}
    assert settled(route, grace_ms + 1, grace_ms + 1)["outcomes", "0.0", "late"] == 1
    assert settled(route, grace_ms + 2, grace_ms + 2) == {}


def test_what_the_version_before_waited_for_is_still_counted(plan: RoutePlan) -> None:
    """It kept a number per stop; they are packed as its state is read."""
    route = Route(RouteState("R1"), plan)
    route.state.risk.awaited = pack({1: 0.1234, 2: 0.9999})
    route = Route(decode_state(encode_state(route.state)), plan)
    assert route.state.risk.awaited == NO_ENTRIES
    route.state.served = 0b110
    at_ms = promised_ms(plan, 1)
    assert settled(route, at_ms, at_ms) == {
        ("outcomes", "0.1", "in_time"): 1,
        ("said_permille", "0.1"): 123,
        ("outcomes", "0.9", "in_time"): 1,
        ("said_permille", "0.9"): 1000,
    }
