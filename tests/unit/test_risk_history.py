"""Histories: the same features as serving, honest outcomes, nothing from the future."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from controltower.feeds.fold import NormalizeFold
from controltower.feeds.registry import load_feeds
from controltower.offline.pipeline import Pipeline, SteppedClock
from controltower.offline.recording import RecordingWriter
from controltower.risk.features import FEATURES, to_shift_row
from controltower.risk.history import History, HistoryError, join, load_history
from controltower.risk.outcomes import Told, make_history
from controltower.risk.questions import RouteStory, read_stories
from controltower.risk.recipe import is_ahead, spaced, weights_of
from controltower.risk.sources.recording import build_from_recording
from controltower.risk.sources.simulated import log_of
from controltower.risk.sources.truth import arrivals_of
from controltower.risk.training import days_of, folds_of
from controltower.route.fold import TrackFold
from controltower.route.limits import DEFAULT_LIMITS
from controltower.shipment.fold import AssignFold
from controltower.simulate.day import Day, simulate_day
from controltower.streaming.stage import Record, StageSpec
from schemas import topics, wire

NAMES = [name for name, _ in FEATURES]


@pytest.fixture(scope="module")
def day() -> Day:
    """A small day of a city."""
    return simulate_day(7, vans=4, parcels=80, city_km=6.0)


@pytest.fixture(scope="module")
def served(day: Day) -> list[Record]:
    """The same day through normalize, assign and track, as it is served: every record."""
    clock, feeds = SteppedClock(), load_feeds()
    intake = (topics.CARRIER_EVENTS, topics.PLANS)
    stages = (
        StageSpec("normalize", intake, "n", lambda p, n: NormalizeFold(p, n, feeds)),
        StageSpec("assign", (topics.SHIPMENT_EVENTS,), "a", lambda p, n: AssignFold(p, n, clock.now_ms)),
        StageSpec("track", (topics.ROUTE_EVENTS,), "t", lambda p, n: TrackFold(p, n, clock.now_ms)),
    )
    return list(Pipeline(stages, 1, clock).run(day.plans, day.arrivals))


@pytest.fixture(scope="module")
def stories(served: list[Record]) -> dict[str, RouteStory]:
    """What a history makes of the log of the routes."""
    return read_stories(record for record in served if record.topic == topics.ROUTE_EVENTS)


@pytest.fixture(scope="module")
def history(stories: dict[str, RouteStory]) -> History:
    """The rows of that day."""
    told = [
        Told(name, f"{index % 2}", story, arrivals_of(story, DEFAULT_LIMITS))
        for index, (name, story) in enumerate(stories.items())
    ]
    return make_history("test", told)


def test_a_history_has_the_very_numbers_that_were_served(
    served: list[Record], stories: dict[str, RouteStory]
) -> None:
    """One log, two readers: each row that track asked about stands in the history, number by number."""
    known = {
        (question.request_id, story.plan.stops[index].stop_id): row
        for story in stories.values()
        if story.plan is not None
        for question in story.questions
        for index, row in question.rows
    }
    compared = 0
    for record in served:
        if record.topic == topics.SCORE_REQUESTS and record.value is not None:
            asked = wire.decode_score_request(record.value)
            for row in asked.rows:
                assert known[asked.request_id, row.stop_id] == row.features + asked.situation
                compared += 1
    assert compared > 500


def test_a_simulated_log_tells_what_the_payloads_tell(day: Day, stories: dict[str, RouteStory]) -> None:
    """Days for training leave out the carriers' payloads; positions and served stops are the same."""
    direct = read_stories(log_of(day))
    for name, story in stories.items():
        assert len(story.fixes) > 100
        assert {fix.at_ms for fix in direct[name].fixes} == {fix.at_ms for fix in story.fixes}
        assert direct[name].served_ms.keys() == story.served_ms.keys()


def test_arrivals_from_positions_are_those_of_the_truth(day: Day, stories: dict[str, RouteStory]) -> None:
    """What fixes and scans tell is within a minute of the truth for nine stops in ten."""
    off_s = [
        abs(arrivals_of(stories[one.route_id], DEFAULT_LIMITS)[one.sequence] - one.arrived_at_ms) / 1000
        for one in day.outcomes
    ]
    assert np.nanquantile(off_s, 0.9) < 60.0


def test_no_row_knows_what_came_after_it(day: Day, stories: dict[str, RouteStory]) -> None:
    """Cutting the log after any question changes nothing of it."""
    log = list(log_of(day))
    whole = read_stories(log)
    half = read_stories(log[: len(log) // 2])
    for name, story in half.items():
        asked = story.questions
        assert asked == whole[name].questions[: len(asked)]


def test_a_recording_gives_the_rows_of_its_log(
    served: list[Record], stories: dict[str, RouteStory], tmp_path: Path
) -> None:
    """Recorded topics are folded as they were live: as many questions, with their outcomes."""
    with RecordingWriter(tmp_path / "r", 1, {topics.ROUTE_EVENTS: None}) as writer:
        for record in served:
            if record.topic == topics.ROUTE_EVENTS:
                writer.append(record)
    history = build_from_recording(tmp_path / "r")
    asked = {(name, q.as_of_ms) for name, story in stories.items() for q in story.questions}
    known = set(zip(history.route_id[history.route].tolist(), history.as_of_ms.tolist(), strict=True))
    assert known <= asked
    assert len(known) > 0.9 * len(asked)


def test_late_is_an_arrival_after_the_promise(history: History) -> None:
    """The label follows from slack and error; an early arrival is not late."""
    known = np.isfinite(history.late)
    expected = history.error_s[known] > history.column("slack_s")[known] + 1e-6
    assert (expected == (history.late[known] == 1)).all()
    assert set(np.unique(history.column("shift_end"))) == {0.0, 1.0}


def test_the_end_of_the_shift_is_a_promise_of_the_last_stop() -> None:
    """Only what depends on the promise differs from the row of that stop."""
    row = tuple(float(index) for index in range(len(NAMES)))
    turned = to_shift_row(row, 500.0)
    changed = {name for name, one, other in zip(NAMES, row, turned, strict=True) if one != other}
    assert changed <= {"slack_s", "planned_buffer_s", "shift_end"}
    assert turned[NAMES.index("slack_s")] == 500.0 - row[NAMES.index("horizon_s")]


def test_blocks_and_days_are_never_split(history: History) -> None:
    """Every row of a block lies in one fold, and every row of a route on one day."""
    fold, day = folds_of(history)[history.route], days_of(history)
    for block in np.unique(history.blocks()):
        assert len(np.unique(fold[history.blocks() == block])) == 1
    for route in np.unique(history.route):
        assert len(np.unique(day[history.route == route])) == 1


def test_rows_count_by_the_time_until_the_next_one(history: History) -> None:
    """Questions that come thick count for little, and the thickest are left out."""
    weight = weights_of(history)
    assert weight.min() > 0
    assert weight.max() <= 5.0
    assert len(spaced(history)) < len(history)
    assert is_ahead(history).any()


def test_a_history_is_the_same_after_a_file(history: History, tmp_path: Path) -> None:
    """Saved and loaded: every array, also of two put together."""
    both = join([history, history])
    both.save(tmp_path / "h.npz")
    loaded = load_history(tmp_path / "h.npz")
    np.testing.assert_array_equal(loaded.features, both.features)
    assert loaded.route.max() == 2 * len(history.route_id) - 1
    assert loaded.source == "test"


def test_what_is_no_history_is_one_line(tmp_path: Path) -> None:
    """A file of something else, one that is half written, and one of other features."""
    for content in (b"PK nonsense", b"PK\x03\x04 half a file"):
        (tmp_path / "h.npz").write_bytes(content)
        with pytest.raises(HistoryError, match="is no history"):
            load_history(tmp_path / "h.npz")
    np.savez(tmp_path / "old.npz", format="controltower.history/1", feature_set="other/1")
    with pytest.raises(HistoryError, match="other/1"):
        load_history(tmp_path / "old.npz")
