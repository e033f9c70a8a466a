"""What is kept as bytes says what the objects would, and is read whichever version wrote it."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from controltower.route.evidence import START, Fix, Progress, Snapshot
from controltower.route.fixes import NO_FIXES, add_fix, fixes_from, newest_fix, open_fixes, pack_fixes
from controltower.route.packed import (
    AS_USUAL,
    NO_ENTRIES,
    PACKED_START,
    open_snapshot,
    pack,
    pack_snapshot,
)
from controltower.route.state import Load, Risk, RouteState, Slip, decode_state, encode_state

degrees = st.floats(-180, 180)
times_ms = st.lists(st.integers(-(1 << 40), 1 << 50), unique=True, max_size=40).map(sorted)


@given(times_ms, degrees, degrees, st.integers(0, 40))
def test_fixes_added_one_by_one_are_those_packed_at_once(
    times: list[int], lat: float, lon: float, cut: int
) -> None:
    """Any number of them, read back as a list; the newest and those from an instant on, too."""
    fixes = [Fix(at_ms, lat, lon, 5.0) for at_ms in times]
    packed = NO_FIXES
    for fix in fixes:
        packed = add_fix(packed, fix)
    assert packed == pack_fixes(fixes)
    assert open_fixes(packed) == fixes
    assert newest_fix(packed) == (fixes[-1] if fixes else None)
    from_ms = times[cut] if cut < len(times) else 1 << 51
    assert open_fixes(fixes_from(packed, from_ms)) == [fix for fix in fixes if fix.at_ms >= from_ms]


@given(times_ms)
def test_fixes_of_the_version_before_are_read(times: list[int]) -> None:
    """It wrote a list, with integers of any length."""
    fixes = [Fix(at_ms, 50.0, 8.0, 5.0) for at_ms in times]
    state = RouteState("R1", tail=Raw(msgspec.msgpack.encode(fixes)))
    restored = decode_state(encode_state(state))
    assert restored.tail == pack_fixes(fixes)


def test_a_snapshot_comes_back_with_the_parts_that_all_routes_share() -> None:
    """Parts that say nothing are not made anew for each route."""
    snapshot = Snapshot(progress=Progress(at_ms=5, along_m=1.5))
    opened = open_snapshot(pack_snapshot(snapshot))
    assert opened == open_snapshot(pack(snapshot)) == snapshot
    assert pack_snapshot(opened) == pack_snapshot(snapshot)
    assert opened.detour is START.detour
    assert open_snapshot(PACKED_START) is START


def test_what_is_empty_is_shared_after_a_restore() -> None:
    """Thousands of routes without answers hold one empty answer."""
    risk = decode_state(encode_state(RouteState("R1"))).risk
    assert risk.p_late is risk.arrivals is risk.awaited is NO_ENTRIES
    assert risk.answers is risk.load is risk.slip is AS_USUAL


def test_the_empty_load_of_the_version_before_is_none() -> None:
    """It wrote all fields of it."""
    state = decode_state(encode_state(RouteState("R1", risk=Risk(slip=pack(Slip()), load=pack(Load())))))
    assert state.risk.load is state.risk.slip is AS_USUAL
