"""The client's state: whatever comes twice, late or out of order, the highest seq per id stands."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controltower.client import Latest, State

lives = st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 6)), min_size=1, max_size=30)


def record(name: str, seq: int, **more: object) -> bytes:
    return json.dumps({"exception_id": name, "seq": seq, "code": "LONG_HALT", **more}).encode()


@given(lives, st.randoms())
def test_any_order_and_copies_end_in_the_same_state(told: list[tuple[str, int]], chance: Random) -> None:
    """Folded in order, shuffled, or twice: the highest seq of each."""
    shuffled = [*told, *told]
    chance.shuffle(shuffled)
    state, latest = State("exceptions"), Latest[int]()
    for name, seq in shuffled:
        assert (state.fold(b"", record(name, seq)) is not None) == latest.take(name, seq, seq)
    expected = {name: max(s for n, s in told if n == name) for name, _ in told}
    assert {r["exception_id"]: r["seq"] for r in state} == expected
    assert sorted(latest.values()) == sorted(expected.values())


def test_a_tombstone_forgets() -> None:
    """After it nothing of the id is left."""
    state = State("exceptions")
    state.fold(b"a", record("a", 3))
    assert state.fold(b"a", None) is None
    assert (len(state), state.find("a")) == (0, None)


def test_what_is_unknown_is_kept_and_what_is_no_record_passed_over() -> None:
    """A new code and a new field come through; broken bytes change nothing."""
    state = State("exceptions")
    news = state.fold(b"a", record("a", 1, code="NEW_CODE", added_later={"x": 1}))
    assert news is not None
    assert (news["code"], news["added_later"]) == ("NEW_CODE", {"x": 1})
    for broken in (b"", b"\xff", b"[]", b"{}", b'{"exception_id":"b"}', b'{"exception_id":"b","seq":"x"}'):
        assert state.fold(b"b", broken) is None
    assert len(state) == 1


def test_a_topic_without_a_state_is_refused() -> None:
    """Dead letters are a log: nothing of them is current."""
    with pytest.raises(ValueError, match="exceptions, dispatch, route-status"):
        State("dead-letters")


@given(lives, st.integers(0, 30), st.integers(0, 10))
@settings(max_examples=25, deadline=None)
def test_who_dies_before_committing_reads_again_and_stands_the_same(
    tmp_path_factory: pytest.TempPathFactory, told: list[tuple[str, int]], dies_at: int, committed_back: int
) -> None:
    """The state lasts, and what was folded since it was saved is folded again."""
    file = tmp_path_factory.mktemp("client") / "kept"
    dies_at = min(dies_at, len(told))
    for start, end in ((0, dies_at), (max(0, dies_at - committed_back), len(told))):
        state = State("exceptions", file)
        for name, seq in told[start:end]:
            state.fold(b"", record(name, seq))
        state.save()
        state.fold(b"", record("never saved", 1))
    found = {r["exception_id"]: r["seq"] for r in State("exceptions", file)}
    assert found == {name: max(s for n, s in told if n == name) for name, _ in told}


def test_positions_last_with_the_state(tmp_path: Path) -> None:
    """What is saved is saved together; a file that is no such file is an error of one line."""
    state = State("exceptions", tmp_path / "kept")
    state.positions[2] = 17
    state.fold(b"a", record("a", 1))
    state.save()
    again = State("exceptions", tmp_path / "kept")
    assert (again.positions, len(again)) == ({2: 17}, 1)
    (tmp_path / "other").write_bytes(b"no database at all, but long enough to be looked at")
    with pytest.raises(OSError, match="cannot be used"):
        State("exceptions", tmp_path / "other")
