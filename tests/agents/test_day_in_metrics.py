"""A simulated day through all stages: what they count has a name, and what recovery did holds together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from agents.app import build_offline_stages
from controltower.feeds.registry import load_feeds
from controltower.metrics import Health, PrometheusObserver
from controltower.offline.pipeline import Pipeline, SteppedClock
from controltower.readmodel.rows import OPEN_EXCEPTIONS, ROUTES_UNDERWAY
from controltower.settings import load_settings
from controltower.simulate.day import simulate_day
from controltower.streaming.stage import Commit, PartitionFold, Record, StageSpec
from schemas import wire
from schemas.topics import COMMANDS, DISPATCH, DISPATCH_FEEDBACK, EXCEPTIONS, PLANS, ROUTE_STATUS
from schemas.vocabulary import TERMINAL_ACTION_STATES, ActionState
from tests.unit.readmodel_records import begun
from tests.unit.readmodel_store import DictStore


class Watched:
    """A fold whose tallies go to the observer, as the streaming edge does after each commit."""

    def __init__(self, stage: str, fold: PartitionFold, observer: PrometheusObserver) -> None:
        self._stage, self._fold, self._observer = stage, fold, observer

    def restore(self, key: bytes, value: bytes) -> None:
        self._fold.restore(key, value)

    def restored(self) -> None:
        self._fold.restored()

    def idle(self, ends: Mapping[str, int]) -> Commit | None:
        return self._fold.idle(ends)

    def fold(self, records: Sequence[Record]) -> Commit:
        commit = self._fold.fold(records)
        self._observer.tallies(self._stage, commit.tallies)
        return commit


def _watch(stage: StageSpec, observer: PrometheusObserver) -> StageSpec:
    return replace(stage, make_fold=lambda p, n: Watched(stage.name, stage.make_fold(p, n), observer))


@dataclass
class Lived:
    observer: PrometheusObserver
    records: list[Record]

    def total(self, metric: str, **labels: str) -> float:
        """Sum of a metric over the labels that are not given."""
        samples = [s for m in self.observer.registry.collect() for s in m.samples if s.name == metric]
        return sum(s.value for s in samples if labels.items() <= s.labels.items())


@pytest.fixture(scope="module")
def day() -> Lived:
    feeds = (*load_feeds(), PLANS, COMMANDS, DISPATCH_FEEDBACK)
    observer = PrometheusObserver(Health(30), feeds, CollectorRegistry(), strict=True)
    clock, simulated = SteppedClock(), simulate_day(5, vans=8, parcels=320)
    stages = build_offline_stages(load_settings(), clock.now_ms)
    pipeline = Pipeline([_watch(stage, observer) for stage in stages], 4, clock)
    return Lived(observer, list(pipeline.run(simulated.plans, simulated.arrivals)))


def _actions(day: Lived) -> dict[str, list[wire.Action]]:
    lives: dict[str, list[wire.Action]] = defaultdict(list)
    for record in day.records:
        if record.topic == DISPATCH and record.value is not None:
            action = msgspec.json.decode(record.value, type=wire.Action)
            lives[action.action_id].append(action)
    return lives


def test_every_count_has_a_name_and_adds_up(day: Lived) -> None:
    """Strict metrics accept all that the stages count; received = accepted + rejected for each feed."""
    for feed in (*load_feeds(), PLANS, "unknown"):
        received = day.total("controltower_normalize_received_total", feed=feed)
        accepted = day.total("controltower_normalize_accepted_total", feed=feed)
        assert received == accepted + day.total("controltower_normalize_rejected_total", feed=feed)
    assert day.total("controltower_normalize_received_total") > 1000
    assert day.total("controltower_recover_actions_total") == sum(map(len, _actions(day).values()))


def test_exceptions_lead_to_actions_that_end(day: Lived) -> None:
    """Some are sent, some held back; each is numbered without gap and ends exactly once."""
    lives = _actions(day)
    for life in lives.values():
        assert [action.seq for action in life] == list(range(1, len(life) + 1))
        assert [action.state in TERMINAL_ACTION_STATES for action in life[:-1]] == [False] * (len(life) - 1)
        assert life[-1].state in TERMINAL_ACTION_STATES
    states = {action.state for life in lives.values() for action in life}
    assert {ActionState.DISPATCHED, ActionState.SUPPRESSED} <= states


def test_nothing_is_sent_after_its_exception_ended(day: Lived) -> None:
    """In stream time: no DISPATCHED at or after resolved_at."""
    ended = {}
    for record in day.records:
        if record.topic == EXCEPTIONS and record.value is not None:
            exception = msgspec.json.decode(record.value, type=wire.ExceptionRecord)
            if exception.resolved_at is not None:
                ended[exception.exception_id] = exception.resolved_at
    sent = [a for life in _actions(day).values() for a in life if a.state is ActionState.DISPATCHED]
    assert [action for action in sent if action.decided_at > ended[action.exception_id]] == []


def test_the_read_model_follows_the_day(day: Lived) -> None:
    """At the day's end nothing is open, no route is under way, and every route has its row."""
    store, topics = DictStore(), (EXCEPTIONS, DISPATCH, ROUTE_STATUS)
    public = sorted((r for r in day.records if r.topic in topics), key=lambda record: record.partition)
    for partition, records in groupby(public, key=lambda record: record.partition):
        begun(store, partition).fold(list(records))
    assert store.count(OPEN_EXCEPTIONS) == 0
    assert store.count(ROUTES_UNDERWAY) == 0
    assert len([key for key in store.hashes if key[0] == "route"]) == 8
