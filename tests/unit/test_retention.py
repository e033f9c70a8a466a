"""What has ended goes away: after weeks of small days no compacted topic holds a key that is long over."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta

import msgspec
import pytest

from agents.app import build_offline_stages
from controltower.offline import timeline
from controltower.offline.pipeline import Pipeline, SteppedClock
from controltower.settings import load_settings
from controltower.simulate.day import DEFAULT_START, simulate_day
from schemas import wire
from schemas.topics import BY_NAME, DISPATCH, EXCEPTIONS, ROUTE_STATUS, changelog_of

#: A record is deleted 30 days after its end, and a day may end in the next one.
_GONE_AFTER = 31
_DAYS = _GONE_AFTER + 4
_SEED = 4


def parked(plan: wire.Plan) -> wire.Plan:
    """The plan for a van that never leaves, so that every day has an exception and an action."""
    stops = tuple(msgspec.structs.replace(stop, shipment_ids=()) for stop in plan.stops)
    return msgspec.structs.replace(plan, route_id=f"{plan.route_id}-parked", vehicle_id=None, stops=stops)


def live_keys() -> dict[str, dict[bytes | None, int]]:
    """By compacted topic, the keys that are not deleted, with the day on which they were written last."""
    clock = SteppedClock()
    pipeline = Pipeline(build_offline_stages(load_settings({}), clock.now_ms), 1, clock)
    live: dict[str, dict[bytes | None, int]] = defaultdict(dict)
    for number in range(_DAYS):
        start = DEFAULT_START + timedelta(days=number)
        day = simulate_day(_SEED, vans=2, parcels=4, hours=0.3, start=start)
        for record in pipeline.run([*day.plans, parked(day.plans[0])], day.arrivals):
            if BY_NAME[record.topic].config["cleanup.policy"] != "compact":
                continue
            if record.value is None:
                live[record.topic].pop(record.key, None)
            else:
                live[record.topic][record.key] = number
    return live


def test_what_ended_a_month_ago_is_deleted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Routes, plans, parcels, vehicles, exceptions, actions, statuses: none is kept beyond its time.

    What ended is readable for 30 days. Weeks are long: here the clock moves every minute while the vans
    drive, then every quarter of an hour.
    """
    monkeypatch.setattr(timeline, "MARK_EVERY_MS", 60_000)
    monkeypatch.setattr(timeline, "TAIL_MARK_EVERY_MS", 900_000)
    live = live_keys()
    for topic in (EXCEPTIONS, DISPATCH, ROUTE_STATUS):
        assert min(live[topic].values()) < _DAYS - _GONE_AFTER + 3
    for topic, keys in live.items():
        forgotten = [key for key, written in keys.items() if written < _DAYS - 1 - _GONE_AFTER]
        assert forgotten == [], topic
    assert len(live[changelog_of("assign")]) < 25, "parcels of the last days only"
    states = [key for key in live[changelog_of("track")] if key and key.startswith((b"r/", b"p/", b"g/"))]
    assert len(states) <= 4, "routes of the last day only"
