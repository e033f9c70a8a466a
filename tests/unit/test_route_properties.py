"""What must hold for any drive: order, copies, polls, ticks and restarts do not change the outcome."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from controltower.route.fixes import newest_fix
from controltower.route.fold import STATE_KEY, TrackFold
from controltower.route.snapshots import Trail
from controltower.route.state import decode_state
from controltower.streaming.stage import Record
from schemas import wire
from schemas.vocabulary import ExceptionStatus, Transition
from tests.unit.roads import Ping, day_of, exceptions_in, new_fold, run_day

Piece = tuple[str, int]

#: A drive as a list of pieces: what the van does, for how many fixes.
pieces = st.lists(
    st.tuples(st.sampled_from(["drive", "stand", "detour", "dark", "jump"]), st.integers(1, 30)),
    min_size=1,
    max_size=6,
)


def pings_of(drive: Sequence[Piece]) -> list[Ping]:
    """One fix every 30 s; `dark` sends none."""
    at_s, along_m, pings = 0.0, 0.0, []
    for what, fixes in drive:
        for i in range(fixes):
            at_s += 30
            along_m += 250 if what in ("drive", "detour") else 0
            side = 400.0 if what == "detour" else 3000.0 if what == "jump" and i == 0 else 0.0
            if what != "dark":
                pings.append(Ping(at_s, along_m, side))
    return pings


def ticks_of(pings: Sequence[Ping], every_s: int) -> range:
    return range(0, int(pings[-1].received_s if pings else 0) + 40_000, every_s)


def every(log: Sequence[Record], polls: Sequence[int] = ()) -> list[wire.ExceptionRecord]:
    """All exceptions of a log."""
    return run_day(log, polls, with_slip=True)


def essence(records: Sequence[wire.ExceptionRecord]) -> list[object]:
    """Each record without the time of publishing."""
    return [wire.encode(record) for record in records]


def final_state(records: Sequence[Record]) -> tuple[object, ...]:
    """Progress, served stops and open codes of the only route at the end.

    Of a route that has ended only its end counts: fixes still on their way then come too late.
    """
    fold = new_fold()
    changes = dict(fold.fold(records).changes)
    data = changes.get(STATE_KEY + b"R1")
    if data is None:
        return ()
    state = decode_state(data)
    open_codes = sorted(e.code.value for e in state.episodes if not e.cleared_ms)
    if state.ended_because is not None:
        return state.served, open_codes, state.ended_because
    trail = Trail(state)
    return trail.now, newest_fix(trail.fixes), state.served, open_codes


@given(pieces, st.data())
@settings(max_examples=60, deadline=None)
def test_polls_change_nothing(drive: list[Piece], data: st.DataObject) -> None:
    """However the log is cut into polls, the same exceptions come out in the same order."""
    pings = pings_of(drive)
    log = day_of(pings, ticks_of(pings, 60))
    polls = data.draw(st.lists(st.integers(1, 40), max_size=20))
    assert essence(every(log, polls)) == essence(every(log))


@given(pieces, st.integers(10, 900), st.integers(10, 900))
@settings(max_examples=60, deadline=None)
def test_the_rhythm_of_ticks_changes_nothing(drive: list[Piece], one_s: int, other_s: int) -> None:
    """Deadlines fire at their due time, whether a tick comes every 10 s or every 15 min."""
    pings = pings_of(drive)
    one = every(day_of(pings, ticks_of(pings, one_s)))
    other = every(day_of(pings, ticks_of(pings, other_s)))
    assert essence(one) == essence(other)


@given(pieces, st.data())
@settings(max_examples=60, deadline=None)
def test_copies_change_nothing(drive: list[Piece], data: st.DataObject) -> None:
    """A second copy of a fix, up to a minute later, changes no exception."""
    pings = pings_of(drive)
    copies = data.draw(st.lists(st.sampled_from(pings), max_size=10)) if pings else []
    again = [Ping(p.at_s, p.along_m, p.side_m, p.delay_s + 40) for p in copies]
    ticks = ticks_of(pings, 60)
    assert essence(run_day(day_of([*pings, *again], ticks))) == essence(run_day(day_of(pings, ticks)))


@given(pieces, st.randoms(use_true_random=False))
@settings(max_examples=80, deadline=None)
def test_disorder_within_the_lateness_ends_the_same(drive: list[Piece], random: object) -> None:
    """Delays of up to 80 s shuffle the fixes; progress, served stops and open codes end the same.

    The drive ends with fixes in order, so that all of it is known at the end.
    """
    pings = pings_of([*drive, ("drive", 6)])
    shuffled = [Ping(p.at_s, p.along_m, p.side_m, random.uniform(1, 80)) for p in pings[:-1]]  # type: ignore[attr-defined]
    last = pings[-1]
    end = [int(last.at_s) + 82]
    late = day_of([*shuffled, Ping(last.at_s, last.along_m, last.side_m, 81)], end)
    in_order = day_of([*pings[:-1], Ping(last.at_s, last.along_m, last.side_m, 81)], end)
    assert final_state(late) == final_state(in_order)


@given(pieces)
@settings(max_examples=80, deadline=None)
def test_each_exception_lives_one_clean_life(drive: list[Piece]) -> None:
    """OPENED first, seq without a gap, RESOLVED exactly once and last."""
    pings = pings_of(drive)
    lives: dict[str, list[wire.ExceptionRecord]] = defaultdict(list)
    for record in every(day_of(pings, ticks_of(pings, 120))):
        lives[record.exception_id].append(record)
    for life in lives.values():
        assert [r.seq for r in life] == list(range(1, len(life) + 1))
        assert life[0].transition is Transition.OPENED
        assert [r.transition for r in life].count(Transition.RESOLVED) == 1
        assert life[-1].status is ExceptionStatus.RESOLVED
        assert all(r.onset_at <= r.detected_at <= r.updated_at for r in life)


@given(pieces, st.data())
@settings(max_examples=50, deadline=None)
def test_a_restore_in_the_middle_changes_nothing(drive: list[Piece], data: st.DataObject) -> None:
    """A new owner that reads the changelog goes on as the old one would have."""
    pings = pings_of(drive)
    log = day_of(pings, ticks_of(pings, 60))
    cut = data.draw(st.integers(0, len(log)))
    first, second = new_fold(), new_fold()
    before = first.fold(log[:cut])
    hand_over(before.changes, second)
    outs = before.outputs + second.fold(log[cut:]).outputs
    assert essence(exceptions_in(outs, with_slip=True)) == essence(every(log))


def hand_over(changes: Sequence[tuple[bytes, bytes | None]], fold: TrackFold) -> None:
    """Restore from a compacted changelog."""
    latest = dict(changes)
    for key, value in latest.items():
        if value is not None:
            fold.restore(key, value)
    fold.restored()
