"""normalize sends each record to the log of its subject, keeps time, follows vehicles, and loses nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace

from controltower.clock import epoch_ms_of, instant_of
from controltower.feeds.fold import NormalizeFold
from controltower.streaming.stage import Commit, Record
from schemas import topics
from schemas.wire import Assignment, Command, Feedback, Plan, Scan, Tick, VehicleMoved
from tests.unit.payloads import (
    FEEDS,
    NOW_MS,
    carrier_event,
    clock_mark,
    intake,
    new_fold,
    position,
    samples_of,
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


def test_scans_of_vehicles_go_to_routes_and_scans_of_parcels_to_shipments() -> None:
    """The key is the subject; each parcel's record names that parcel alone."""
    commit = new_fold().fold([carrier_event(samples_of("swiftpost")[0], "swiftpost", offset=9)])
    outs = [out for out in commit.outputs if out.partition is None]
    assert [(out.topic, out.key) for out in outs] == [
        (topics.ROUTE_EVENTS, b"SP-0302-07"),
        (topics.SHIPMENT_EVENTS, b"SP00000001"),
        (topics.SHIPMENT_EVENTS, b"SP00000002"),
    ]
    van = sent(commit, topics.ROUTE_EVENTS)[0]
    assert isinstance(van, Scan)
    assert (van.source.topic, van.source.partition, van.source.offset) == ("carrier-events", 0, 9)
    assert epoch_ms_of(van.received_at) == NOW_MS
    assert commit.tallies == {
        ("received", "swiftpost"): 1,
        ("accepted", "swiftpost"): 1,
        ("scans", "swiftpost"): 3,
    }


def test_unmapped_codes_are_counted() -> None:
    """A code that no table knows shows up in the tallies."""
    sample = {**samples_of("metroline")[1], "status": 999}
    assert new_fold().fold([carrier_event(sample, "metroline")]).tallies["unmapped", "metroline"] == 1


@pytest.mark.parametrize(("feed", "label"), [(None, "unknown"), ("acme", "unknown"), ("Größe", "unknown")])
def test_an_unknown_feed_is_refused_under_one_label(feed: str | None, label: str) -> None:
    """Labels come from a closed list, so a feed's name invented outside does not become one."""
    tallies = new_fold().fold([carrier_event(position(), feed)]).tallies
    assert tallies == {("received", label): 1, ("rejected", label, "UNKNOWN_FEED"): 1}


def test_a_dead_letter_is_the_record_as_it_came_and_why() -> None:
    """Bytes, key and headers are the original ones; ours follow them."""
    record = carrier_event(b"\x00\xff", "plain", offset=5)
    [letter] = [out for out in new_fold().fold([record]).outputs if out.topic == topics.DEAD_LETTERS]
    assert (letter.key, letter.value) == (record.key, record.value)
    assert letter.headers[: len(record.headers)] == record.headers
    assert dict(letter.headers)["ct-reason"] == b"NOT_UTF8"
    assert dict(letter.headers)["ct-detail"] == b"byte 1 is not UTF-8"
    assert dict(letter.headers)["ct-source"] == b"carrier-events/0/5"


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


def moves(fold: NormalizeFold, *fixes: Any, at_s: int = 0) -> list[tuple[str, str]]:
    records = [carrier_event(fix, at_ms=NOW_MS + 1000 * at_s, offset=n) for n, fix in enumerate(fixes)]
    found = sent(fold.fold(records), topics.ROUTE_EVENTS)
    return [(moved.route_id, moved.next_route_id) for moved in found if isinstance(moved, VehicleMoved)]


def test_a_vehicle_on_another_route_ends_the_old_one_in_its_log_before_the_scan() -> None:
    """The record is keyed by the old route and stands before the first scan of the new one."""
    first, second = position("A"), position("B", at="2026-03-02T08:15:20Z", n=2)
    outs = new_fold().fold([carrier_event(first), carrier_event(second)]).outputs
    keyed = [(out.key, json.loads(out.value or b"")["schema"]) for out in outs if out.key]
    assert keyed == [
        (b"A", "controltower.scan/1"),
        (b"A", "controltower.vehicle-moved/1"),
        (b"B", "controltower.scan/1"),
    ]


def test_a_late_fix_of_the_old_route_does_not_bring_the_vehicle_back() -> None:
    """Neither a fix from before the change nor a mislabelled one after it; the scans still go out."""
    old_late = position("A", at="2026-03-02T08:15:15Z", n=3)
    old_later = position("A", at="2026-03-02T08:15:30Z", n=4)
    second = position("B", at="2026-03-02T08:15:20Z", n=2)
    assert moves(new_fold(), position("A"), second, old_late, old_later, second) == [("A", "B")]


def test_an_earlier_fix_of_an_unknown_route_moves_nothing() -> None:
    """Only a later fix shows where a vehicle is now."""
    assert moves(new_fold(), position("B"), position("A", at="2026-03-02T08:00:00Z")) == []


def test_a_device_clock_a_day_ahead_does_not_pin_a_vehicle_to_its_route() -> None:
    """A time ahead of ours counts as ours when fixes are compared."""
    fold = new_fold()
    assert moves(fold, position("A", at="2026-03-03T08:00:00Z")) == []
    assert moves(fold, position("B", at="2026-03-02T08:16:00Z", n=2), at_s=30) == [("A", "B")]


def skews(*ahead_s: float, every_s: int = 30) -> list[float]:
    fold = new_fold()
    found: list[float] = []
    for n, seconds in enumerate(ahead_s):
        now_ms = NOW_MS + n * every_s * 1000
        payload = {**position(n=n), "occurred_at": _iso(now_ms + int(seconds * 1000))}
        events = sent(fold.fold([carrier_event(payload, at_ms=now_ms)]), topics.ROUTE_EVENTS)
        found += [event.clock_skew_s for event in events if isinstance(event, Scan)]
    return found


def _iso(at_ms: int) -> str:
    return instant_of(at_ms).isoformat()


def test_a_clock_that_runs_ahead_is_told_with_every_scan() -> None:
    """The largest lead of the last 10 to 20 minutes; a lead of up to 30 s is none."""
    assert skews(-5, 29, 240, 238, 200) == [0, 0, 240, 240, 240]


def test_one_mad_time_is_forgotten() -> None:
    """A lead of a day is gone after two windows of 10 minutes without another."""
    assert skews(86_400, *[-5] * 45)[-1] == 0


def test_an_unseen_vehicle_is_forgotten_after_48_hours() -> None:
    """Its changelog entry is deleted at the first tick after that, not before."""
    fold = new_fold()
    fold.fold([carrier_event(position())])
    hour_ms = 3_600_000
    assert (b"v/plain/V-1", None) not in fold.fold([clock_mark(NOW_MS + 48 * hour_ms - 1)]).changes
    assert (b"v/plain/V-1", None) in fold.fold([clock_mark(NOW_MS + 48 * hour_ms + 10_000)]).changes


def a_plan(**changes: Any) -> dict[str, Any]:
    def stop(n: int) -> dict[str, Any]:
        return {
            "stop_id": f"S{n}",
            "sequence": n,
            "lat": 52.5,
            "lon": 13.4,
            "planned_arrival": f"2026-03-02T09:0{n}:00Z",
            "planned_departure": f"2026-03-02T09:0{n}:30Z",
            "shipment_ids": [f"P-{n}", "P-9"],
        }

    plan = {
        "schema": "controltower.plan/1",
        "route_id": "R-1",
        "version": 3,
        "carrier": "own",
        "departs_at": "2026-03-02T08:00:00+01:00",
        "ends_by": "2026-03-02T16:00:00Z",
        "stops": [stop(1), stop(2)],
    }
    return {**plan, **changes}


def test_a_plan_goes_to_its_route_and_tells_each_shipment() -> None:
    """With our time and its place; a shipment of two stops is told its last one."""
    commit = new_fold().fold([intake(topics.PLANS, a_plan(received_at="1990-01-01T00:00:00Z"), offset=4)])
    [plan] = sent(commit, topics.ROUTE_EVENTS)
    assert isinstance(plan, Plan)
    assert plan.source is not None
    assert plan.received_at is not None
    assert (plan.version, plan.source.offset, epoch_ms_of(plan.received_at)) == (3, 4, NOW_MS)
    told = [a for a in sent(commit, topics.SHIPMENT_EVENTS) if isinstance(a, Assignment)]
    assert {(a.shipment_id, a.stop_id, a.plan_version) for a in told} == {
        ("P-1", "S1", 3),
        ("P-2", "S2", 3),
        ("P-9", "S2", 3),
    }
    assert commit.tallies == {("received", "plans"): 1, ("accepted", "plans"): 1}


@pytest.mark.parametrize(
    ("content", "reason", "detail"),
    [
        (b"{", "NOT_PARSABLE", "the value is not JSON"),
        (
            {**a_plan(), "schema": "controltower.plan/9"},
            "UNKNOWN_SCHEMA",
            "schema is not controltower.plan/1",
        ),
        (a_plan(carrier=None), "WRONG_TYPE", "carrier: string_type"),
        (a_plan(stops=[]), "OUT_OF_RANGE", "stops: too_short"),
        (a_plan(departs_at="soon"), "BAD_TIME", "departs_at: datetime_from_date_parsing"),
        (a_plan(departs_at="2026-03-02T08:00:00"), "BAD_TIME", "departs_at: timezone_aware"),
        (a_plan(departs_at="0001-01-01T00:00:00+05:00"), "BAD_TIME", "a time is outside the calendar"),
        (
            a_plan(ends_by="2200-01-01T00:00:00Z"),
            "BAD_TIME",
            "a time of the plan is not between 2000 and 2100",
        ),
        (a_plan(ends_by="2026-03-01T00:00:00Z"), "OUT_OF_RANGE", "the record: ends_by before departs_at"),
        (a_plan(version=10**40), "OUT_OF_RANGE", "version or sequence is above 2**53"),
        (a_plan(path="_p~iF"), "OUT_OF_RANGE", "path: a latitude without its longitude"),
        (
            {"schema": "controltower.plan/1", "route_id": "R-1", "version": 1, "carrier": "c", "stops": []},
            "MISSING_FIELD",
            "departs_at: missing; ends_by: missing; stops: too_short",
        ),
    ],
)
def test_a_plan_is_refused_with_the_field_named(content: Any, reason: str, detail: str) -> None:
    """The detail has the field and the rule, never the value."""
    commit = new_fold().fold([intake(topics.PLANS, content)])
    [letter] = commit.outputs
    assert letter.topic == topics.DEAD_LETTERS
    headers = dict(letter.headers)
    assert (headers["ct-reason"].decode(), headers["ct-detail"].decode()) == (reason, detail)


def a_command(kind: str, home: str = "route:R-1", **changes: Any) -> dict[str, Any]:
    target = "action_id" if kind in ("approve", "refuse") else "exception_id"
    issued = {"by": "ops-1", "issued_at": "2026-03-02T08:00:00Z"}
    about = {"schema": "controltower.command/1", "command_id": "c", "kind": kind, target: "x", "home": home}
    return {**about, **issued, **changes}


@pytest.mark.parametrize(
    ("kind", "home", "topic", "key"),
    [
        ("acknowledge", "route:R-1", topics.ROUTE_EVENTS, b"R-1"),
        ("snooze", "shipment:P-1", topics.SHIPMENT_EVENTS, b"P-1"),
        ("approve", "route:R-1", topics.RECOVERY_EVENTS, b"R-1"),
        ("refuse", "shipment:P:1", topics.RECOVERY_EVENTS, b"P:1"),
    ],
)
def test_a_command_goes_to_whoever_owns_what_it_is_about(
    kind: str, home: str, topic: str, key: bytes
) -> None:
    """Answers to actions go to recovery; the key is the id after the first colon of home."""
    commit = new_fold().fold([intake(topics.COMMANDS, a_command(kind, home))])
    [out] = commit.outputs
    assert (out.topic, out.key) == (topic, key)
    [command] = sent(commit, topic)
    assert isinstance(command, Command)
    assert command.received_at is not None


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (a_command("resolve", "R-1"), "OUT_OF_RANGE"),
        (a_command("resolve", "route:"), "OUT_OF_RANGE"),
        (a_command("resolve", "hub:BER"), "NO_SUBJECT"),
        (a_command("resolve", action_id="y"), "OUT_OF_RANGE"),
        (a_command("explode"), "OUT_OF_RANGE"),
        (a_command("resolve", by=""), "OUT_OF_RANGE"),
    ],
)
def test_a_command_without_an_owner_is_refused(command: Any, reason: str) -> None:
    """A home that leads nowhere, two targets, a kind that does not exist."""
    assert new_fold().fold([intake(topics.COMMANDS, command)]).tallies["rejected", "commands", reason] == 1


def test_feedback_goes_to_recovery() -> None:
    """Keyed by the home of the action."""
    feedback = {
        "schema": "controltower.feedback/1",
        "action_id": "a",
        "home": "route:R-1",
        "state": "ACCEPTED",
        "occurred_at": "2026-03-02T08:00:00Z",
    }
    commit = new_fold().fold([intake(topics.DISPATCH_FEEDBACK, feedback)])
    assert [out.key for out in commit.outputs] == [b"R-1"]
    assert isinstance(sent(commit, topics.RECOVERY_EVENTS)[0], Feedback)
