"""normalize sends each record to the log of its subject, and loses nothing."""

from __future__ import annotations

from typing import Any

import pytest

from controltower.clock import epoch_ms_of
from schemas import topics
from schemas.wire import Assignment, Command, Feedback, Plan, Scan
from tests.unit.payloads import (
    NOW_MS,
    carrier_event,
    intake,
    new_fold,
    position,
    samples_of,
    sent,
)


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
