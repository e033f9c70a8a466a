"""A source tells up to when it is read, by its own records or, read to its end, by the wall."""

from __future__ import annotations

import json

import pytest
from msgspec.structs import replace

from controltower.clock import epoch_ms_of
from controltower.feeds.fold import NormalizeFold
from controltower.streaming.stage import Commit, Record
from schemas import topics
from schemas.wire import FeedPulse, Tick
from tests.unit.payloads import (
    FEEDS,
    NOW_MS,
    carrier_event,
    clock_mark,
    fold_in_parts,
    new_fold,
    position,
    sent,
)


def ticks(commit: Commit | None) -> list[int]:
    """Times of the ticks of one partition of route-events, in seconds after NOW."""
    outs = commit.outputs if commit else []
    records = sent(Commit([out for out in outs if out.partition == 0], []), topics.ROUTE_EVENTS)
    return [(epoch_ms_of(tick.upto) - NOW_MS) // 1000 for tick in records if isinstance(tick, Tick)]


def events_at(*seconds: float, recorded: bool = True) -> list[Record]:
    return [
        carrier_event(position(n=n), at_ms=NOW_MS + int(at_s * 1000), offset=n, recorded=recorded)
        for n, at_s in enumerate(seconds)
    ]


def test_a_header_that_is_no_time_is_refused_and_moves_no_clock() -> None:
    """The streamer's header is the only word on received_at, so a broken one cannot be replaced."""
    record = carrier_event(position())
    broken = replace(record, headers=(("feed", b"plain"), ("received_at", b"soon")))
    commit = new_fold().fold([broken])
    assert commit.tallies["rejected", "plain", "BAD_TIME"] == 1
    assert ticks(commit) == []


def test_the_source_ticks_every_ten_seconds_into_every_partition_downstream() -> None:
    """First at once, then at every full 10 s of the clock, right after the record that comes to it."""
    commit = new_fold().fold(events_at(0, 4, 9.9, 10, 19, 31, 39.9, 40.2))
    assert ticks(commit) == [0, 10, 31, 40]
    assert len([out for out in commit.outputs if out.partition is not None]) == 4 * 2 * 3
    [first, *_] = [out for out in commit.outputs if out.partition is not None]
    assert json.loads(first.value or b"") == {
        "schema": "controltower.tick/1",
        "source": "carrier-events/0",
        "sources": 2,
        "upto": "2026-03-02T08:15:40Z",
        "empty": False,
        "over": False,
    }


def test_the_clock_never_goes_back() -> None:
    """An earlier received_at after a later one makes no tick and no step back."""
    assert ticks(new_fold().fold(events_at(30, 0, 39, 40))) == [30, 40]


def test_a_clock_mark_moves_the_clock_and_is_no_record() -> None:
    """It is counted by itself, neither received nor accepted nor rejected."""
    commit = new_fold().fold([clock_mark(NOW_MS), clock_mark(NOW_MS + 10_000)])
    assert ticks(commit) == [0, 10]
    assert commit.tallies == {("clock_marks",): 2}


def test_a_live_source_ticks_the_wall_once_it_is_read_to_its_end() -> None:
    """Silence is time passing: every 10 s, not with every call."""
    fold = new_fold()
    assert ticks(fold.fold(events_at(0, recorded=False))) == [0]
    assert fold.idle({}) is None
    assert fold.idle({topics.CARRIER_EVENTS: NOW_MS + 9_999}) is None
    assert ticks(fold.idle({topics.CARRIER_EVENTS: NOW_MS + 10_001})) == [10]
    assert fold.idle({topics.CARRIER_EVENTS: NOW_MS + 12_000}) is None


def test_a_source_without_any_record_ticks_the_wall_and_says_that_it_is_empty() -> None:
    """A partition that no carrier's key falls into must not stop every clock."""
    fold = new_fold()
    first = fold.idle({topics.CARRIER_EVENTS: NOW_MS})
    assert ticks(first) == [0]
    assert first is not None
    assert json.loads(first.outputs[0].value or b"")["empty"] is True
    assert ticks(fold.idle({topics.CARRIER_EVENTS: NOW_MS + 10_000})) == [10]


def test_a_recorded_day_is_not_overtaken_by_the_wall() -> None:
    """However long a worker has waited: the first record of a source brings the time of its day."""
    fold = new_fold()
    fold.idle({topics.CARRIER_EVENTS: NOW_MS + 10**10})
    commit = fold.fold([clock_mark(NOW_MS)])
    assert ticks(commit) == [0]
    assert json.loads(commit.outputs[0].value or b"")["empty"] is False
    assert fold.idle({topics.CARRIER_EVENTS: NOW_MS + 10**11}) is None


@pytest.mark.parametrize("last", [carrier_event(position()), clock_mark(NOW_MS)])
def test_a_recorded_source_never_ticks_the_wall(last: Record) -> None:
    """A February day that is replayed in November has its own time, also after a restart."""
    fold = new_fold()
    commit = fold.fold([last])
    restarted = NormalizeFold(0, 2, FEEDS)
    for key, value in commit.changes:
        restarted.restore(key, value or b"")
    restarted.restored()
    for each in (fold, restarted):
        assert each.idle({topics.CARRIER_EVENTS: NOW_MS + 10**9}) is None


def test_who_is_at_work_is_the_same_after_a_restart_though_times_of_receipt_go_back() -> None:
    """A slot of one feed is closed by a late record after the other feed has moved the clock on: who was last
    heard of more than 10 min before that clock is not at work any more."""
    received = ((0, "plain-ndjson", "V-1"), (660, "plain", "V-2"), (60, "plain-ndjson", "V-3"))
    records = [
        carrier_event(position(vehicle=vehicle, n=n), feed, at_ms=NOW_MS + at_s * 1000, offset=n)
        for n, (at_s, feed, vehicle) in enumerate((*received, (120, "plain-ndjson", "V-3")))
    ]
    outs, _ = fold_in_parts([records])
    pulses = [each for each in sent(Commit(outs, []), topics.FEED_HEALTH) if isinstance(each, FeedPulse)]
    assert [(each.feed, each.vehicles) for each in pulses] == [("plain-ndjson", 0), ("plain-ndjson", 1)]
    assert fold_in_parts([[record] for record in records], restart=True)[0] == outs
