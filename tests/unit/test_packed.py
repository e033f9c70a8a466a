"""What is kept as bytes says what the objects would, and is read whichever version wrote it."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from controltower.route.evidence import START, Fix, Progress, Snapshot
from controltower.route.fixes import (
    fixes_after,
    fixes_from,
    from_array,
    newest_fix,
    open_fixes,
    pack_fix,
    pack_fixes,
    to_array,
)
from controltower.route.packed import (
    AS_USUAL,
    NO_ENTRIES,
    PACKED_START,
    has_departed,
    open_snapshot,
    pack,
    pack_snapshot,
    taken_at_ms,
)
from controltower.route.snapshots import Trail
from controltower.route.state import Load, Risk, RouteState, Slip, decode_state, encode_state

degrees = st.floats(-180, 180)
metres = st.integers(0, 300).map(float) | st.floats(0, 1000)
times_ms = st.lists(st.integers(-(1 << 40), 1 << 50), unique=True, max_size=40).map(sorted)


@given(times_ms, degrees, degrees, st.lists(metres, min_size=40, max_size=40))
def test_fixes_put_end_to_end_are_those_packed_at_once(
    times: list[int], lat: float, lon: float, accuracies_m: list[float]
) -> None:
    """Any number of them, of any accuracy, read back as a list; the newest, those behind one of them and
    those from an instant on, too. In the changelog they are an array that any version reads."""
    fixes = [Fix(at_ms, lat, lon, near_m) for at_ms, near_m in zip(times, accuracies_m, strict=False)]
    packed = b"".join([pack_fix(fix) for fix in fixes])
    assert packed == pack_fixes(fixes)
    assert open_fixes(packed) == fixes
    assert newest_fix(packed) == (fixes[-1] if fixes else None)
    assert from_array(to_array(packed)) == packed
    assert msgspec.msgpack.decode(to_array(packed), type=list[Fix]) == fixes
    for fix in fixes:
        later = [other for other in fixes if other.at_ms > fix.at_ms]
        assert open_fixes(fixes_after(packed, fix.at_ms)) == later
        assert open_fixes(fixes_from(packed, fix.at_ms + 1)) == later


@given(times_ms)
def test_fixes_of_the_version_before_are_read(times: list[int]) -> None:
    """It wrote a list, with integers of any length."""
    fixes = [Fix(at_ms, 50.0, 8.0, 5.0) for at_ms in times]
    state = RouteState("R1", tail=Raw(msgspec.msgpack.encode(fixes)))
    restored = Trail(decode_state(encode_state(state)))
    assert restored.fixes == pack_fixes(fixes)


@given(st.integers(-(1 << 40), 1 << 50), st.integers(0, 1 << 50))
def test_what_a_snapshot_is_asked_most_is_read_without_opening_it(at_ms: int, departed_ms: int) -> None:
    """When it was taken, and whether the vehicle had departed, however long the numbers are."""
    packed = pack_snapshot(Snapshot(progress=Progress(at_ms=at_ms, departed_ms=departed_ms)))
    assert taken_at_ms(packed) == at_ms
    assert has_departed(Raw(packed)) == bool(departed_ms)
    assert taken_at_ms(PACKED_START) == 0
    assert not has_departed(Raw(PACKED_START))


def test_a_snapshot_comes_back_with_the_parts_that_all_routes_share() -> None:
    """Parts that say nothing are not made anew for each route."""
    snapshot = Snapshot(progress=Progress(at_ms=5, along_m=1.5))
    opened = open_snapshot(pack_snapshot(snapshot))
    assert opened == open_snapshot(bytes(pack(snapshot))) == snapshot
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
