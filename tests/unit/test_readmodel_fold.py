"""The read model: the latest row of each id, whatever is read again, however Redis fares."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from structlog.testing import capture_logs

from controltower.readmodel.fold import RUN_KEY, ProjectFold
from controltower.readmodel.overview import overview
from controltower.readmodel.rows import (
    KINDS,
    OPEN_EXCEPTIONS,
    ROUTES_UNDERWAY,
    SHIPMENTS_OPEN,
    WAITING_ACTIONS,
)
from controltower.streaming.exits import RestartMe
from controltower.streaming.stage import Record, Unfinished
from schemas.topics import DISPATCH, EXCEPTIONS, ROUTE_STATUS
from schemas.vocabulary import Phase
from tests.unit.readmodel_records import as_record, routed_shipment, shipment_status, status, story
from tests.unit.readmodel_store import DictStore
from tests.unit.recovery_day import exception


def _begun(store: DictStore, wait_s: Callable[[float], object] | None = None) -> ProjectFold:
    """The fold of a stage that starts for the first time; the store fails from then on, as it was told."""
    fold, failures = ProjectFold(1, 4, store, wait_s), store.failures
    store.failures = 0
    fold.start_from(dict.fromkeys(KINDS, 0))
    store.failures = failures
    return fold


def hauled() -> list[Record]:
    """A shipment that is scored twice, taken by a route, and given back."""
    told = (shipment_status(1, 0.25), shipment_status(2, 0.5), routed_shipment(3), shipment_status(4))
    return [as_record(message, offset) for offset, message in enumerate(told)]


def _project(store: DictStore, *polls: list[Record]) -> None:
    fold = _begun(store)
    for poll in polls:
        fold.fold(poll)


def test_rows_and_positions_follow_the_topics() -> None:
    """After a poll the store has the latest rows, the sorted sets and the next offset of each topic."""
    store, records = DictStore(), story()
    _project(store, records)
    assert store.hashes["route", "r1"]["stops_done"] == "2"
    assert store.hashes["exception", "e1"]["status"] == "OPEN"
    assert list(store.sets[OPEN_EXCEPTIONS]) == ["e1"]
    assert list(store.sets[ROUTES_UNDERWAY]) == ["r1"]
    assert store.count(WAITING_ACTIONS) == 1
    expected = {record.topic: record.offset + 1 for record in records}
    assert store.positions == {1: expected}
    assert set(expected) == {ROUTE_STATUS, EXCEPTIONS, DISPATCH}


def test_what_ended_expires() -> None:
    """Rows of ended exceptions, actions and routes get a time to live; open ones do not."""
    store = DictStore()
    _project(store, story(), [as_record(status(3, Phase.ENDED), 99)])
    assert ("exception", "e2") in store.expiring
    assert ("exception", "e1") not in store.expiring
    assert ("route", "r1") in store.expiring
    assert store.count(ROUTES_UNDERWAY) == 0


def test_a_shipment_stands_on_its_board_until_a_route_carries_it() -> None:
    """And again where the route gives it back: then its row must not expire any more."""
    store, place = DictStore(), ("shipment", "P-1")
    fold = _begun(store)
    fold.fold([as_record(shipment_status(1)), as_record(shipment_status(2, 0.25), 1)])
    fields = store.hashes[place]
    assert (fields["p_late"], fields["model_version"]) == ("0.25", "m")
    assert (store.count(SHIPMENTS_OPEN), len(store.lines("shipment"))) == (1, 1)
    fold.fold([as_record(routed_shipment(3), 2)])
    assert (store.count(SHIPMENTS_OPEN), len(store.lines("shipment"))) == (0, 0)
    assert place in store.expiring
    fold.fold([as_record(shipment_status(4, 0.5), 3)])
    assert (store.count(SHIPMENTS_OPEN), store.expiring) == (1, set())


@given(st.integers(0, 1000), st.integers(1, 20))
@settings(deadline=None, max_examples=50)
def test_reading_again_in_any_batches_changes_nothing(seed: int, size: int) -> None:
    """The topics read twice, in other polls, and older parts out of order: the same read model."""
    once, again, records = DictStore(), DictStore(), [*story(), *hauled()]
    _project(once, records)
    shuffled = [*records]
    random.Random(seed).shuffle(shuffled)
    twice = [*records, *shuffled]
    _project(again, *(twice[i : i + size] for i in range(0, len(twice), size)))
    assert (again.hashes, again.sets) == (once.hashes, once.sets)


def test_an_emptied_store_is_noticed_without_a_record() -> None:
    """At rest the stage looks whether the store stands where it stood; one that is down is left alone."""
    store = DictStore()
    fold = _begun(store)
    fold.fold(story())
    assert fold.idle({}) is None
    store.failures = 1
    assert fold.idle({}) is None
    store.positions.clear()
    with pytest.raises(RestartMe, match="reading again"):
        fold.idle({})


def test_a_tombstone_removes_the_row() -> None:
    """A key without value takes row and set member away."""
    store = DictStore()
    opened = as_record(exception(0))
    _project(store, [opened], [replace(opened, value=None, offset=1)])
    assert store.hashes == {}
    assert store.count(OPEN_EXCEPTIONS) == 0


def test_while_redis_is_down_the_stage_waits() -> None:
    """Each failure is followed by a longer pause up to a limit; then everything is written."""
    store, pauses = DictStore(failures=8), list[float]()
    commit = _begun(store, pauses.append).fold(story())
    assert pauses == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0]
    assert store.count(OPEN_EXCEPTIONS) == 1
    assert commit.tallies[("rows", ROUTE_STATUS)] == 1


def test_redis_down_is_one_line_and_its_return_another() -> None:
    """However long it lasts, the log says it once."""
    with capture_logs() as lines:
        _begun(DictStore(failures=5), lambda _: None).fold(story())
    assert [line["event"] for line in lines] == ["redis is down, waiting", "redis is back"]


def test_a_foreign_record_stops_nothing() -> None:
    """It is counted, its offset is passed, the others are written."""
    store = DictStore()
    commit = _begun(store).fold([replace(as_record(status(1)), value=b"?"), as_record(status(2), offset=1)])
    assert commit.tallies == {("unreadable",): 1, ("rows", ROUTE_STATUS): 1}
    assert store.positions[1][ROUTE_STATUS] == 2


def test_the_overview_shows_the_worst_first() -> None:
    """Counts and the most pressing rows; limited as asked."""
    store = DictStore()
    mild = exception(0, name="a", severity=3)
    worst = exception(50, name="b", severity=1)
    bad = exception(10, name="c", severity=2)
    _project(store, [as_record(record) for record in (mild, worst, bad)], story())
    seen = overview(store, limit=2)
    assert (seen.routes_underway, seen.exceptions_open, seen.actions_waiting) == (1, 4, 1)
    assert [fields["severity"] for fields in seen.exceptions] == ["1", "1"]
    assert seen.actions[0]["action"] == "DISPATCH_RESCUE"


def test_a_store_that_lost_its_last_seconds_is_read_again_from_where_it_stands() -> None:
    """The loss shows at the next write, which writes nothing; the next owner begins where it stands."""
    store, records = DictStore(), story()
    fold = _begun(store)
    changed = dict(fold.fold(records).changes)
    store.positions[1][EXCEPTIONS] = 0
    store.hashes.clear()
    with pytest.raises(RestartMe):
        fold.fold([as_record(status(3), 99)])
    assert store.hashes == {}
    changelog = {record.topic: record.offset + 1 for record in records}
    again = ProjectFold(1, 4, store)
    again.restore(RUN_KEY, changed[RUN_KEY] or b"")
    assert again.start_from(changelog) == {**changelog, EXCEPTIONS: 0}


def test_a_store_that_was_down_at_the_takeover_is_judged_by_the_first_write() -> None:
    """It is taken at its word, which is the changelog; empty in truth, it ends the process."""
    fold = ProjectFold(1, 4, DictStore(failures=1), lambda _: None)
    assert fold.start_from({EXCEPTIONS: 5}) == {EXCEPTIONS: 5}
    with pytest.raises(RestartMe):
        fold.fold([as_record(status(3), 99)])


def test_a_stage_that_starts_anew_forgets_what_stood_in_the_store() -> None:
    """Topics that were made again count seq from 1: what an earlier run had written must not outlast it."""
    store = DictStore()
    _project(store, [as_record(status(7)), as_record(status(3, route="gone"), 1)])
    fold = ProjectFold(1, 4, store)
    assert fold.start_from({ROUTE_STATUS: 0}) == {ROUTE_STATUS: 0}
    assert (store.hashes, store.count(ROUTES_UNDERWAY)) == ({}, 0)
    fold.fold([as_record(status(1))])
    assert store.hashes["route", "r1"]["seq"] == "1"


def test_a_run_is_kept_by_the_changelog_and_known_from_the_first_moment_on() -> None:
    """Also where no record ever comes; a restart then goes on where the store stands."""
    store = DictStore()
    first = _begun(store)
    commit = first.idle({})
    assert commit is not None
    assert first.idle({}) is None
    first.fold([as_record(status(2), offset=4)])
    second = ProjectFold(1, 4, store)
    for key, value in commit.changes:
        second.restore(key, value or b"")
    assert second.start_from({ROUTE_STATUS: 9}) == {ROUTE_STATUS: 5}
    assert second.idle({}) is None


def test_a_former_run_can_no_longer_write() -> None:
    """Whoever still has the state of before a reset is told, and nothing of his is written."""
    store = DictStore()
    former = _begun(store)
    _begun(store)
    with pytest.raises(RestartMe):
        former.fold([as_record(status(9))])
    assert store.hashes == {}


def test_a_fold_that_waits_for_redis_gives_up_when_asked() -> None:
    """A stage that is to stop, or to hand a partition over, need not wait for Redis to come back."""
    store = DictStore(failures=10**9)
    fold = _begun(store)
    failed: list[BaseException] = []

    def wait() -> None:
        try:
            fold.fold(story())
        except Unfinished as unfinished:
            failed.append(unfinished)

    waiting = threading.Thread(target=wait)
    waiting.start()
    fold.give_up()
    waiting.join(10)
    assert failed
    store.failures = 0
    fold.go_on()
    fold.fold(story())
    assert store.count(OPEN_EXCEPTIONS) == 1
