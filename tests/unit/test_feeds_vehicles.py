"""What is known of a vehicle: the route it is on, and by how much its clock runs ahead."""

from __future__ import annotations

import json
from typing import Any

from controltower.clock import instant_of
from controltower.feeds.fold import NormalizeFold
from schemas import topics
from schemas.wire import Scan, VehicleMoved
from tests.unit.payloads import (
    NOW_MS,
    carrier_event,
    clock_mark,
    new_fold,
    position,
    sent,
)


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
