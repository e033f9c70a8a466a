"""A real Prometheus scrapes what the stages serve, with our configuration, rules and dashboard."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from controltower.metrics import TALLIES, Health, PrometheusObserver, serve_metrics
from controltower.metrics.table import Kind, Metric
from schemas.topics import CARRIER_EVENTS, STAGES
from schemas.vocabulary import ScoreSource
from tests.contract.prometheus_server import PrometheusServer, prometheus, wait_until
from tests.contract.test_deploy_dashboard import PANELS

FEED = "plain"


class Tower:
    """Six stages that count, without a stream behind them."""

    def __init__(self, stack: ExitStack) -> None:
        self._observers = {stage: PrometheusObserver(Health(30.0), [FEED], strict=True) for stage in STAGES}
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
            observer.rebalanced(stage)
            observer.fenced(stage)
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
    if not lists:
        yield ()
        return
    first = tuple(values[0] for values in lists[:-1])
    last = lists[-1][:1] if metric.name.endswith("_rejected_total") else lists[-1]
    measured = ("1.5",) if metric.kind is Kind.HISTOGRAM else ()
    for value in last:
        yield (*first, value, *measured)


#: The rules that build on other rules are the last to have a value.
FALLBACK = 'ALERTS{alertname="ScoreFallback"}'


@pytest.fixture(scope="module")
def scraped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrometheusServer]:
    """Prometheus after the rules have seen the tower work over several scrapes."""
    with ExitStack() as stack:
        tower = Tower(stack)
        folder = tmp_path_factory.mktemp("prometheus")
        server = stack.enter_context(prometheus(tower.ports, folder))

        def moved() -> bool:
            tower.work()
            committed = server.query("controltower:committed:rate5m > 0")
            return len(committed) == len(STAGES) and bool(server.query(FALLBACK))

        wait_until(moved, "the committed records of all stages, and the rules behind them")
        yield server


def value_of(server: PrometheusServer, expr: str) -> float:
    (found,) = server.query(expr)
    return float(found["value"][1])


def test_all_stages_are_up_under_their_names(scraped: PrometheusServer) -> None:
    """The label `stage` of a target, and of a metric that has none, is the stage's name."""
    assert {found["metric"]["stage"] for found in scraped.query("up == 1")} == set(STAGES)
    ready = scraped.query("controltower_stream_ready_bool == 1")
    assert {found["metric"]["stage"] for found in ready} == set(STAGES)


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


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_every_panel_shows_something(
    scraped: PrometheusServer, panel: dict[str, list[dict[str, str]]]
) -> None:
    """Once everything was counted, no query of the dashboard is empty, and its legends have their labels."""
    for target in panel["targets"]:
        expr = re.sub(r"\$(feed|code|stage)\b", ".*", target["expr"]).replace("$__rate_interval", "1m")
        found = scraped.query(expr)
        assert found, expr
        for label in re.findall(r"{{(\w+)}}", target["legendFormat"]):
            assert all(series["metric"].get(label) for series in found)
