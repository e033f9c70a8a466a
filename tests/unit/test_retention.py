"""What has ended goes away: over weeks of the same day the live keys of every compacted topic stay as many."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta

import pytest

from agents.app import build_offline_stages
from controltower.offline import timeline
from controltower.offline.pipeline import Pipeline, SteppedClock
from controltower.settings import load_settings
from controltower.simulate.day import DEFAULT_START, simulate_day
from schemas.topics import BY_NAME, DISPATCH, EXCEPTIONS, ROUTE_STATUS, changelog_of

#: A record is deleted 30 days after its end, and something is left of each day in the next one.
_FULL_AFTER = 33
_DAYS = _FULL_AFTER + 4


def coarser_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Weeks are long: the clock moves every minute while the vans drive, and then every quarter of an hour."""
    monkeypatch.setattr(timeline, "MARK_EVERY_MS", 60_000)
    monkeypatch.setattr(timeline, "TAIL_MARK_EVERY_MS", 900_000)


def live_keys() -> list[dict[str, int]]:
    """Keys that are not deleted, by compacted topic, at the end of each day."""
    clock = SteppedClock()
    pipeline = Pipeline(build_offline_stages(load_settings({}), clock.now_ms), 1, clock)
    live: dict[str, set[bytes | None]] = defaultdict(set)
    counts = []
    for number in range(_DAYS):
        day = simulate_day(5, vans=2, parcels=4, hours=0.3, start=DEFAULT_START + timedelta(days=number))
        for record in pipeline.run(day.plans, day.arrivals):
            if BY_NAME[record.topic].config["cleanup.policy"] == "compact":
                (live[record.topic].discard if record.value is None else live[record.topic].add)(record.key)
        counts.append({topic: len(keys) for topic, keys in live.items()})
    return counts


def test_the_live_keys_stay_as_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Routes, plans, parcels, vehicles, exceptions, actions and statuses of ended days are deleted."""
    coarser_clock(monkeypatch)
    counts = live_keys()
    assert {EXCEPTIONS, ROUTE_STATUS, DISPATCH, *map(changelog_of, ("assign", "track"))} <= set(counts[-1])
    for topic, full in counts[_FULL_AFTER].items():
        assert [day[topic] for day in counts[_FULL_AFTER:]] == [full] * (_DAYS - _FULL_AFTER), topic
