"""The trail of a route: whatever the order and rhythm of fixes, what they say is what they say in order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from controltower.detect.fold import fold_fix
from controltower.route.evidence import START, Fix
from controltower.route.fixes import NO_FIXES, newest_fix
from controltower.route.limits import DEFAULT_LIMITS
from controltower.route.packed import AS_USUAL
from controltower.route.plan import parse_plan
from controltower.route.snapshots import Trail, encode_with
from controltower.route.state import RouteState, decode_state
from controltower.route.trail import Took, fold_on, take_fix
from tests.unit.roads import ROUTE, SPEED_MPS, START_MS, make_plan, north

PLAN = parse_plan(make_plan())


def fix_at(at_s: int) -> Fix:
    return Fix(START_MS + at_s * 1000, north(at_s * SPEED_MPS), 8.0, 5.0)


@given(
    gaps_s=st.lists(st.integers(1, 150), min_size=1, max_size=40),
    delays_s=st.lists(st.integers(0, 120), min_size=40, max_size=40),
    restore_at=st.integers(0, 40),
)
def test_any_order_within_the_window_ends_in_the_same(
    gaps_s: list[int], delays_s: list[int], restore_at: int
) -> None:
    """After each fix, with a restore in between: the newest snapshot is the fold of all that were taken, in
    order of time, and the tail reaches back over the window."""
    times = [sum(gaps_s[: i + 1]) for i in range(len(gaps_s))]
    arriving = [at for _, at in sorted((at + delay, at) for at, delay in zip(times, delays_s, strict=False))]
    state, taken = RouteState(ROUTE), set[int]()
    trail = Trail(state)
    for i, at_s in enumerate(arriving):
        if i == restore_at:
            state = decode_state(encode_with(state, trail))
            trail = Trail(state)
            fold_on(trail, PLAN, DEFAULT_LIMITS)
        took = take_fix(trail, PLAN, fix_at(at_s), DEFAULT_LIMITS)
        in_window = fix_at(at_s).at_ms > trail.newest_ms - DEFAULT_LIMITS.reorder_ms
        assert (took in (Took.IN_ORDER, Took.REORDERED)) == in_window
        if in_window:
            taken.add(at_s)
        expected = START
        for known_s in sorted(taken):
            expected = fold_fix(expected, PLAN, fix_at(known_s), DEFAULT_LIMITS)
        assert trail.now == expected
    for known_s in taken:
        assert take_fix(trail, PLAN, fix_at(known_s), DEFAULT_LIMITS) in (
            Took.DUPLICATE,
            Took.TOO_LATE,
        )
    assert trail.now == expected


def test_a_quick_tracker_costs_no_more_snapshots() -> None:
    """One fix a second: a base and three snapshots are kept besides the newest, not ninety."""
    trail = Trail(RouteState(ROUTE))
    for at_s in range(300):
        take_fix(trail, PLAN, fix_at(at_s), DEFAULT_LIMITS)
        assert len(trail.kept) <= 4


def test_a_restored_trail_takes_a_late_fix_as_before() -> None:
    """What stands in the changelog reaches back over the window, so a takeover changes nothing."""
    state = RouteState(ROUTE)
    trail = Trail(state)
    for at_s in range(0, 301, 30):
        take_fix(trail, PLAN, fix_at(at_s), DEFAULT_LIMITS)
    state = decode_state(encode_with(state, trail))
    restored = Trail(state)
    fold_on(restored, PLAN, DEFAULT_LIMITS)
    for each in (trail, restored):
        assert take_fix(each, PLAN, fix_at(225), DEFAULT_LIMITS) is Took.REORDERED
    assert restored.now == trail.now
    assert encode_with(state, restored) == encode_with(state, trail)


def test_what_is_encoded_stands_in_the_trail_alone() -> None:
    """While the route is awake its state holds no second copy."""
    state = RouteState(ROUTE)
    trail = Trail(state)
    take_fix(trail, PLAN, fix_at(0), DEFAULT_LIMITS)
    assert encode_with(state, trail) == encode_with(state, trail)
    assert (state.base, state.tail) == (AS_USUAL, NO_FIXES)


def test_the_end_keeps_what_is_known_and_the_newest_fix() -> None:
    """So a status told after it still says where the vehicle is."""
    trail = Trail(RouteState(ROUTE))
    for at_s in range(0, 301, 30):
        take_fix(trail, PLAN, fix_at(at_s), DEFAULT_LIMITS)
    before = trail.now
    trail.end()
    assert trail.now == before
    assert newest_fix(trail.fixes) == fix_at(300)
    assert len(trail.kept) == 1
