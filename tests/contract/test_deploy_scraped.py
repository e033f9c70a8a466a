"""A real Prometheus scrapes what the stages serve, with our configuration, rules and dashboards."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import msgspec
import pytest
import uvicorn

from controltower.embedded.ports import find_free_port
from controltower.embedded.redis import EmbeddedRedis
from controltower.metrics import TALLIES, Health, PrometheusObserver, serve_metrics
from controltower.metrics.kinds import Kind, Metric
from controltower.readapi.app import make_app
from controltower.readapi.tokens import Tokens
from controltower.readmodel.fold import ProjectFold
from controltower.readmodel.store import connect
from schemas import wire
from schemas.topics import ALL_STAGES, CARRIER_EVENTS
from schemas.vocabulary import Motion, ScoreSource
from tests.contract.deployment import need_tool
from tests.contract.prometheus_server import PrometheusServer, prometheus, wait_until
from tests.contract.test_deploy_dashboard import API_PANELS, METRIC_PANELS
from tests.unit.readmodel_records import as_record, shipment_status, status, story
from tests.unit.recovery_day import at

FEED = "plain"


class Tower:
    """Stages that count, without a stream behind them."""

    def __init__(self, stack: ExitStack) -> None:
        self._observers = {
            stage: PrometheusObserver(Health(30.0), [FEED], strict=True) for stage in ALL_STAGES
        }
        self.ports: dict[str, int] = {}
        for stage, observer in self._observers.items():
            observer.ready(True)
            server = serve_metrics("127.0.0.1", 0, observer)
            self.ports[stage] = server.port
            stack.callback(server.close)

    def work(self) -> None:
        """Every stage commits one transaction, and counts everything that it can count once."""
        for stage, observer in self._observers.items():
            observer.records_in(stage, CARRIER_EVENTS, 2)
            observer.transaction(stage, 0.006, 2, 3)
            observer.lag(stage, CARRIER_EVENTS, 0, 7)
            observer.behind(stage, CARRIER_EVENTS, 0, 1.5)
            observer.busy(stage, 0.1)
            observer.rebalanced(stage)
            observer.fenced(stage)
            observer.restored(stage, 0, 5, 0.1)
            observer.tallies(stage, dict(counts_of(stage)))


def counts_of(stage: str) -> Iterator[tuple[tuple[str, ...], int]]:
    for metric in TALLIES:
        assert metric.tally is not None
        owner, name = metric.tally
        if owner == stage:
            for values in values_of(metric):
                yield (name, *values), 2 if name == "received" else 1


def values_of(metric: Metric) -> Iterator[tuple[str, ...]]:
    """Each value of the last label with the first ones of the others; a rejection has one reason here."""
    lists = [label.values or (FEED,) for label in metric.labels]
    measured = ("1.5",) if metric.kind is Kind.HISTOGRAM else ()
    if not lists:
        yield measured
        return
    first = tuple(values[0] for values in lists[:-1])
    last = lists[-1][:1] if metric.name.endswith("_rejected_total") else lists[-1]
    for value in last:
        yield (*first, value, *measured)


#: The rules that build on other rules are the last to have a value.
FALLBACK = 'ALERTS{alertname="ScoreFallback"}'
LAST_RULES = (
    "controltower:routes_at_risk:ratio",
    "controltower:retracted:ratio1h",
    "controltower:slow_exceptions:ratio1h",
    "controltower:exception_latency:p99 > 0",
)


#: A route in every trouble, and one that is silent.
TROUBLED = (
    msgspec.structs.replace(
        status(3, route="a7"),
        carrier="acme",
        vehicle_id="v7",
        lat=51.0,
        lon=7.0,
        off_path_m=150.0,
        slack_s=-30.0,
        slip_s=400.0,
        signal_age_s=9.0,
        eta=(wire.StopEta(stop_id="s4", p10=at(900), p50=at(960), p90=at(1000), p_late=0.9),),
    ),
    msgspec.structs.replace(status(3, route="a8"), carrier="acme", motion=Motion.SIGNAL_LOST),
)


class Serving:
    """The read API of a Redis with a short story in it, on a free port, from a thread of its own."""

    def __init__(self, stack: ExitStack) -> None:
        redis = stack.enter_context(EmbeddedRedis())
        fold = ProjectFold(1, 4, connect(redis.url))
        fold.start_from({})
        fold.fold([*story(), *(as_record(told, 99) for told in (*TROUBLED, shipment_status(1, 0.25)))])
        app = make_app(connect(redis.url), Tokens([]), time.monotonic, lambda: at(60))
        self._server = uvicorn.Server(uvicorn.Config(app, "127.0.0.1", self.free(), log_level="error"))
        thread = threading.Thread(target=self._server.run, daemon=True)
        thread.start()
        wait_until(lambda: self._server.started, "the read API")
        stack.callback(thread.join)
        stack.callback(self.end)

    def free(self) -> int:
        self.port = find_free_port()
        return self.port

    def end(self) -> None:
        self._server.should_exit = True


@pytest.fixture(scope="module")
def stack() -> Iterator[ExitStack]:
    with ExitStack() as ends:
        yield ends


@pytest.fixture(scope="module")
def serving(stack: ExitStack) -> Serving:
    need_tool("redis-server")
    return Serving(stack)


@pytest.fixture(scope="module")
def scraped(stack: ExitStack, serving: Serving, tmp_path_factory: pytest.TempPathFactory) -> PrometheusServer:
    """Prometheus after the rules have seen the tower work over several scrapes."""
    tower = Tower(stack)
    folder = tmp_path_factory.mktemp("prometheus")
    server = stack.enter_context(prometheus(tower.ports, folder, api=serving.port))

    def moved() -> bool:
        tower.work()
        committed = server.query("controltower:committed:rate5m > 0")
        behind = all(server.query(expr) for expr in LAST_RULES)
        return len(committed) == len(ALL_STAGES) and bool(server.query(FALLBACK)) and behind

    wait_until(moved, "the committed records of all stages, and the rules behind them")
    return server


def value_of(server: PrometheusServer, expr: str) -> float:
    (found,) = server.query(expr)
    return float(found["value"][1])


def test_all_stages_are_up_under_their_names(scraped: PrometheusServer) -> None:
    """The label `stage` of a target, and of a metric that has none, is the stage's name."""
    assert {found["metric"]["stage"] for found in scraped.query('up{job="controltower"} == 1')} == set(
        ALL_STAGES
    )
    ready = scraped.query("controltower_stream_ready_bool == 1")
    assert {found["metric"]["stage"] for found in ready} == set(ALL_STAGES)


def test_a_stage_keeps_the_labels_it_gives_itself(scraped: PrometheusServer) -> None:
    """No label is renamed to exported_stage by a clash with the target's."""
    assert scraped.query('{exported_stage!=""}') == []


def test_the_rules_compute(scraped: PrometheusServer) -> None:
    """Recorded values follow from what the stages serve."""
    assert value_of(scraped, 'controltower:lag:records{stage="track"}') == 7
    assert value_of(scraped, f'controltower:unaccounted:records{{feed="{FEED}"}}') == 0
    fallback = scraped.query(FALLBACK)
    rules = {str(source) for source in ScoreSource if source is not ScoreSource.MODEL}
    assert {found["metric"]["source"] for found in fallback} == rules


@pytest.mark.parametrize("panel", METRIC_PANELS, ids=lambda panel: panel["title"])
def test_every_panel_shows_something(
    scraped: PrometheusServer, panel: dict[str, list[dict[str, str]]]
) -> None:
    """Once everything was counted, no query of a dashboard is empty, and its legends have their labels."""
    for target in panel["targets"]:
        expr = re.sub(r"\$(feed|code|stage)\b", ".*", target["expr"]).replace("$__rate_interval", "1m")
        found = scraped.query(expr)
        assert found, expr
        for label in re.findall(r"{{(\w+)}}", target["legendFormat"]):
            assert all(series["metric"].get(label) for series in found)


@pytest.mark.parametrize("panel", API_PANELS, ids=lambda panel: panel["title"])
def test_every_table_has_rows(serving: Serving, panel: dict[str, Any]) -> None:
    """Each URL of a table, map or timeline answers with items that have at least half of its columns."""
    for target in panel["targets"]:
        url = target["url"].replace("${route}", "r1")
        items = httpx.get(f"http://127.0.0.1:{serving.port}{url}").json()["items"]
        assert items, url
        columns = {column["selector"] for column in target["columns"]}
        assert len(columns & set(items[0])) >= len(columns) / 2
