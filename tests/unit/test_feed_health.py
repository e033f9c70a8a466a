"""A feed against its own rhythm: when its silence is told, when it ends, what the routes hear of it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controltower.feedhealth.counts import Counts
from controltower.feedhealth.rhythm import discipline
from controltower.feedhealth.slots import delay_place
from schemas.vocabulary import ExceptionCode, FeedState, Resolution, Transition
from tests.unit.feed_days import (
    day,
    exceptions,
    fold_day,
    pulse,
    seconds,
    statuses,
    tick,
    to_records,
    verdicts,
)

STEADY = range(60)
BACK = range(100, 160)


def test_a_steady_feed_raises_nothing() -> None:
    """Every slot is judged, for every partition of the routes, and nobody is down."""
    outs = fold_day(day(STEADY, 60))
    assert not exceptions(outs)
    for partition in range(2):
        judged = verdicts(outs, partition)
        assert [seconds(found.upto) for found in judged] == [10.0 * n for n in range(1, 61)]
        assert not any(found.down for found in judged)


def test_silence_is_told_once_at_its_due_time_and_ends_with_the_next_record() -> None:
    """150 s after the last record; the routes hear of it, and that it is over; resolved as of the return."""
    outs = fold_day(day([*STEADY, *BACK], 170))
    opened, cleared, resolved = exceptions(outs)
    assert (opened.transition, cleared.transition, resolved.transition) == (
        Transition.OPENED,
        Transition.UPDATED,
        Transition.RESOLVED,
    )
    assert opened.code is ExceptionCode.CARRIER_FEED_DOWN
    assert (opened.home, opened.subject_id) == ("carrier:swiftpost", "swiftpost")
    assert seconds(opened.onset_at) == 595
    assert seconds(opened.detected_at) == 595 + 150
    assert seconds(cleared.cleared_at) == 1000
    assert resolved.resolution is Resolution.AUTO
    assert seconds(resolved.resolved_at) == 1000
    assert [found.seq for found in (opened, cleared, resolved)] == [1, 2, 3]
    down = [seconds(found.upto) for found in verdicts(outs) if found.down]
    assert down == [10.0 * n for n in range(75, 101)]
    assert {found.down[0].exception_id for found in verdicts(outs) if found.down} == {opened.exception_id}


def test_a_short_return_goes_on_as_the_same_outage() -> None:
    """Silent again within the hold: one exception with two occurrences."""
    told = exceptions(fold_day(day([*STEADY, 100, 101], 300)))
    assert len({found.exception_id for found in told}) == 1
    assert told[-1].occurrence_count == 2


def test_a_feed_that_pauses_now_and_then_gets_more_time() -> None:
    """The longest usual gap of 60 s makes its limit 180 s."""
    heard = [slot for slot in range(120) if slot % 12 < 7]
    outs = fold_day(day(heard, 160))
    (opened, *_) = exceptions(outs)
    assert opened.metrics["usual_gap_s"] == 60
    assert opened.metrics["silent_s"] == 180


@pytest.mark.parametrize(
    ("heard", "told"),
    [
        (range(30), {}),
        (range(0, 600, 10), {}),
        (STEADY, {"vehicles": 2}),
    ],
    ids=["too new", "too seldom", "too few vehicles"],
)
def test_silence_that_means_nothing(heard: range, told: dict[str, int]) -> None:
    """A feed that is new, seldom heard or of few vehicles is never told to be down, only quiet."""
    outs = fold_day(day(heard, max(heard) + 100, **told))
    assert not exceptions(outs)
    assert statuses(outs)[-1].state is FeedState.QUIET
    assert statuses(outs)[-1].silence_limit_s is None


def test_a_day_that_is_over_expires() -> None:
    """After 6 h of silence nobody expects the feed any more, and it is not told again."""
    told = exceptions(fold_day(day(STEADY, 60 + 7 * 360)))
    assert [found.transition for found in told] == [Transition.OPENED, Transition.RESOLVED]
    assert told[-1].resolution is Resolution.EXPIRED


def test_the_end_of_a_recorded_day_is_no_silence() -> None:
    """A recording that has no more records says nothing about its feeds."""
    tail = [tick(slot, source, over=True) for slot in range(61, 200) for source in (0, 1)]
    assert not exceptions(fold_day([*day(STEADY, 60), *tail]))


def test_a_backlog_of_one_source_is_no_silence() -> None:
    """While one source is not read, the other's time judges nothing."""
    values = list(day(STEADY, 60)) + [tick(slot, 0) for slot in range(61, 200)]
    outs = fold_day(values)
    assert not exceptions(outs)
    assert seconds(verdicts(outs)[-1].upto) == 600


def test_the_order_of_the_sources_changes_nothing() -> None:
    """One source far ahead of the other ends in the same exceptions, and in the same verdicts."""
    slots = range(200)
    heard = {*STEADY, *BACK}
    one = [[pulse(slot, source)] if slot in heard else [] for slot in slots for source in (0, 1)]
    apart = [
        value
        for source in (0, 1)
        for slot in slots
        for value in (*one[2 * slot + source], tick(slot + 1, source))
    ]
    together = fold_day(day([*STEADY, *BACK], 200))
    assert _lives(fold_day(apart)) == _lives(together)


def _lives(outs: object) -> list[tuple[object, ...]]:
    return [
        (found.exception_id, found.seq, found.transition, found.updated_at)
        for found in exceptions(outs)  # type: ignore[arg-type]
    ]


@given(st.integers(1, 90))
@settings(max_examples=8, deadline=None)
def test_polls_and_restarts_change_nothing(poll: int) -> None:
    """Restarted from the changelog after every poll, whatever its size: the same records."""
    values = list(day([*STEADY, *BACK], 170))
    assert fold_day(values, poll) == fold_day(values)


def test_what_is_read_anew_does_not_end_an_outage() -> None:
    """A record of before the outage that comes through again is no sign of life."""
    values = [*day(STEADY, 90), pulse(30), *(tick(slot, n) for slot in range(91, 120) for n in (0, 1))]
    assert [found.transition for found in exceptions(fold_day(values))] == [Transition.OPENED]


def test_garbage_in_the_log_is_passed_over() -> None:
    """What is no message of ours stops nothing."""
    from controltower.feedhealth.fold import FeedHealthFold

    commit = FeedHealthFold(0, 2, lambda: 0).fold(to_records([b"{", b"null", b"\xff"]))
    assert commit.tallies == {("unreadable",): 3}


def test_discipline_is_the_product_of_what_is_right() -> None:
    """10 of 100 unmapped, 20 disordered, 25 of 125 records rejected: 0.9 x 0.8 x 0.8."""
    counts = Counts(records=125, rejected=25, scans=100, unmapped=10, disordered=20)
    assert discipline(counts) == pytest.approx(0.576)
    assert discipline(Counts()) is None


def test_delays_are_sorted_by_their_bounds() -> None:
    """A bound belongs to its own bucket; a scan from the future to the first."""
    assert [delay_place(seconds) for seconds in (-30, 5, 5.1, 60, 300, 3600, 3601)] == [0, 0, 1, 2, 3, 4, 5]
