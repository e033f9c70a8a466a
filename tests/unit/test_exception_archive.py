"""What has ended is closed a day later and deleted after 30 days, however the log is cut."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from controltower.streaming.stage import Out, Record
from schemas import wire
from schemas.vocabulary import ExceptionStatus, Transition
from tests.unit.roads import day_of, drive, exceptions_in, log_of, new_fold, stand, tick_at

DAY_S = 24 * 3600
#: A halt that ends, the end of the route, and then nothing but time.
PINGS = [*drive(0, 240, 0), *stand(270, 1000, 2500), *drive(1030, 1900, 2600)]
HOURS = [tick_at(hour * 3600.0) for hour in (1, 10, 26, 40, 50, 700, 720, 745, 800)]
LOG = [*day_of(PINGS), *log_of(HOURS)]


def run(cuts: list[int]) -> list[Out]:
    """A new fold from the changelog at every cut."""
    state: dict[bytes, bytes] = {}
    outs: list[Out] = []
    for start, end in pairwise([0, *cuts, len(LOG)]):
        fold = new_fold()
        for key, value in state.items():
            fold.restore(key, value)
        fold.restored()
        records = [Record(r.topic, 0, i, 0, None, r.value) for i, r in enumerate(LOG)][start:end]
        commit = fold.fold(records)
        outs += commit.outputs
        for key, change in commit.changes:
            if change is None:
                state.pop(key, None)
            else:
                state[key] = change
    return outs


def test_closed_a_day_later_and_gone_after_thirty() -> None:
    """CLOSED has the next seq and everything known; then a tombstone for it and for its route's status."""
    outs = run([])
    told = exceptions_in(outs)
    (closed,) = [record for record in told if record.transition is Transition.CLOSED]
    life = [record for record in told if record.exception_id == closed.exception_id]
    assert [record.seq for record in life] == list(range(1, len(life) + 1))
    assert (closed.status, closed.resolution) == (ExceptionStatus.CLOSED, life[-2].resolution)
    assert (closed.updated_at - life[-2].updated_at).total_seconds() == DAY_S
    gone = [(out.topic, out.key) for out in outs if out.value is None]
    assert sorted(gone) == [("exceptions", closed.exception_id.encode()), ("route-status", b"R1")]


def test_nothing_of_it_stays_in_the_changelog() -> None:
    """After the tombstones the state is empty but for the clock and what was learned from the stops."""
    state: dict[bytes, bytes | None] = {}
    state.update(new_fold().fold(LOG).changes)
    left = [key for key, value in state.items() if value is not None]
    assert [key for key in left if not key.startswith(b"h/")] == [b"c/clock"]


def test_recovery_hears_of_the_end_once() -> None:
    """CLOSED only archives, so recovery is not told."""
    told = [wire.decode_any(o.value) for o in run([]) if o.topic == "recovery-events" and o.value]
    ends = [r for r in told if isinstance(r, wire.ExceptionRecord) and r.resolution is not None]
    assert {record.transition for record in ends} == {Transition.RESOLVED}


@given(st.lists(st.integers(0, len(LOG)), max_size=4).map(sorted))
@settings(max_examples=20, deadline=None)
def test_restarts_change_nothing(cuts: list[int]) -> None:
    """Closed and deleted at the same place of the log, whoever holds the partition."""
    assert [(o.topic, o.key, o.value) for o in run(cuts)] == [(o.topic, o.key, o.value) for o in run([])]
