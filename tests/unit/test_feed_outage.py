"""A feed goes silent in the middle of a day: one CARRIER_FEED_DOWN, and no flood of lost signals."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from agents.app import build_offline_stages
from agents.feed_status_shown import latest, print_status
from controltower.intake import Arrival
from controltower.offline.pipeline import Pipeline, SteppedClock
from controltower.offline.verify.verify import Verification
from controltower.settings import load_settings
from controltower.streaming.stage import Record
from schemas.topics import EXCEPTIONS, FEED_STATUS
from schemas.vocabulary import ExceptionCode, FeedState, Resolution, Transition
from schemas.wire import ExceptionRecord, FeedStatus, decode_any
from tests.unit.recorded_afternoon import PARTITIONS, STARTS_AT, make_plan, report_of
from tests.unit.test_offline_verify import Found, Places

VANS = 8
#: Seconds of the day; the last van dies within the outage and is never heard of again.
DOWN_S, BACK_S, END_S = 600, 1300, 2000
DEAD = VANS - 1


def arrivals() -> Iterator[Arrival]:
    """A report per van every 30 s, spread over the seconds, but for the outage."""
    for second in range(0, END_S, 10):
        for van in range(VANS):
            silent = DOWN_S <= second < BACK_S or (van == DEAD and second >= BACK_S)
            if second // 10 % 3 == van % 3 and not silent:
                yield report_of(f"van{van}", STARTS_AT + timedelta(seconds=second), second)


def play(partitions: int) -> list[Record]:
    clock = SteppedClock()
    stages = build_offline_stages(load_settings(), clock.now_ms)
    plans = [make_plan(f"van{van}@20260302") for van in range(VANS)]
    return list(Pipeline(stages, partitions, clock).run(plans, arrivals()))


@pytest.fixture(scope="module")
def day() -> list[Record]:
    return play(PARTITIONS)


def exceptions(day: list[Record]) -> list[ExceptionRecord]:
    found = [decode_any(record.value or b"") for record in day if record.topic == EXCEPTIONS]
    return [record for record in found if isinstance(record, ExceptionRecord)]


def seconds(at: datetime | None) -> float:
    assert at is not None
    return (at - STARTS_AT).total_seconds()


def test_one_outage_is_told_and_closes_when_the_feed_is_back(day: list[Record]) -> None:
    """Opened once, 150 s after the last report; cleared by the first one; resolved by itself."""
    told = [found for found in exceptions(day) if found.code is ExceptionCode.CARRIER_FEED_DOWN]
    assert [found.transition for found in told] == [
        Transition.OPENED,
        Transition.UPDATED,
        Transition.RESOLVED,
    ]
    assert 740 <= seconds(told[0].detected_at) <= 745
    assert BACK_S <= seconds(told[1].cleared_at) <= BACK_S + 5
    assert told[2].resolution is Resolution.AUTO


def test_every_lost_signal_of_the_outage_is_held_back_by_it_visibly(day: list[Record]) -> None:
    """Each van's silence is told as suppressed by the outage from its first record on, and clears."""
    outage = next(found for found in exceptions(day) if found.code is ExceptionCode.CARRIER_FEED_DOWN)
    opened = [
        found
        for found in exceptions(day)
        if found.code is ExceptionCode.SIGNAL_LOST and found.transition is Transition.OPENED
    ]
    assert len(opened) == VANS
    assert {found.suppressed_by for found in opened} == {outage.exception_id}
    assert {found.parent_id for found in opened} == {outage.exception_id}
    assert {found.flags for found in opened} == {("SUPPRESSED",)}
    assert all(870 <= seconds(found.detected_at) <= 900 for found in opened)


def test_a_van_that_stays_silent_is_told_after_all(day: list[Record]) -> None:
    """Only the one that died: five minutes after the feed is back nothing holds it back any more."""
    lost = [found for found in exceptions(day) if found.code is ExceptionCode.SIGNAL_LOST]
    released = [found for found in lost if found.suppressed_by is None and found.cleared_at is None]
    released = [found for found in released if found.resolution is None]
    (told, *_) = released
    assert {found.route_id for found in released} == {f"van{DEAD}@20260302"}
    assert BACK_S + 300 <= seconds(told.updated_at) <= BACK_S + 320
    cleared = {found.route_id for found in lost if found.cleared_at is not None}
    assert cleared == {f"van{van}@20260302" for van in range(DEAD)}


def test_the_status_says_so(day: list[Record]) -> None:
    """UP, DOWN, UP, and at the end of the day QUIET."""
    found = [decode_any(record.value or b"") for record in day if record.topic == FEED_STATUS]
    states = [status.state for status in found if isinstance(status, FeedStatus)]
    changes = [state for state, before in zip(states, [None, *states], strict=False) if state is not before]
    assert changes == [FeedState.UP, FeedState.DOWN, FeedState.UP, FeedState.QUIET]


def test_the_command_shows_the_latest_of_each_feed(
    day: list[Record], capsys: pytest.CaptureFixture[str]
) -> None:
    """`feeds status`: a line per feed, or all of it as JSON."""
    found = latest(record for record in day if record.topic == FEED_STATUS)
    print_status(found, as_json=True)
    (shown,) = json.loads(capsys.readouterr().out)
    assert (shown["feed"], shown["state"]) == ("gtfs-rt", "QUIET")
    print_status(found, as_json=False)
    assert "QUIET" in capsys.readouterr().out
    print_status([], as_json=False)
    assert "no feed" in capsys.readouterr().out


def test_nobody_is_sent_after_what_is_held_back(day: list[Record]) -> None:
    """recover answers no exception that is suppressed."""
    held = {found.exception_id for found in exceptions(day) if found.flags == ("SUPPRESSED",)}
    released = {found.exception_id for found in exceptions(day) if found.suppressed_by is None}
    asked = {
        action.exception_id
        for record in day
        if record.topic == "dispatch"
        for action in [decode_any(record.value or b"")]
        if not isinstance(action, ExceptionRecord) and hasattr(action, "exception_id")
    }
    assert held
    assert not asked & (held - released)


def test_its_replay_is_equal(day: list[Record]) -> None:
    """Every stage folds the recorded logs to the same records again."""
    places: Places = {}
    for record in day:
        places.setdefault((record.topic, record.partition), []).append(record)
    stages = build_offline_stages(load_settings(), lambda: 0)
    assert [check for check in Verification(Found(places), stages).run() if check.difference] == []


def test_the_number_of_partitions_changes_nothing(day: list[Record]) -> None:
    """The feed's records meet in one place, however many sources they come through."""
    assert _lives(play(3)) == _lives(day)


def _lives(day: list[Record]) -> list[tuple[object, ...]]:
    return sorted(
        (found.exception_id, found.seq, found.transition, found.updated_at, found.suppressed_by or "")
        for found in exceptions(day)
    )
