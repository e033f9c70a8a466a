"""A whole installation lives through part of a day: every metric moves, every panel shows something, and real
faults go through Prometheus and Alertmanager to a webhook and back to resolved."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from controltower.metrics.board import BOARD
from controltower.metrics.kinds import Kind, Metric
from controltower.metrics.table import METRICS
from tests.contract.deployment import ROOT, need_tool
from tests.contract.test_deploy_dashboard import API_PANELS, METRIC_PANELS
from tests.integration.runbook_steps import Step, steps
from tests.integration.tower import wait_until
from tests.integration.watched import Watched, watched
from tests.kafka import RealKafka

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(600)]
LIMIT_S = 240.0

#: What does not move in a part of a day without faults, and why.
STILL = {
    "controltower_stream_fenced_total": "only where two processes own a partition",
    "controltower_stream_unnamed_tallies_total": "a fault in the code",
    "controltower_normalize_nothing_total": "the city has no carrier that is asked",
    "controltower_normalize_mappings_total": "no mapping is changed",
    "controltower_normalize_future_total": "no clock of the city is ahead",
    "controltower_assign_dropped_total": "only parcels that get their route late",
    "controltower_assign_without_shipment_total": "the city names a parcel in each scan of one",
    "controltower_assign_exceptions_total": "no single feed falls silent, nothing disrupts an area",
    "controltower_assign_commands_total": "so nobody says anything about it",
    "controltower_assign_disputed_exceptions_total": "nor disputes it",
    "controltower_assign_unreadable_total": "only where somebody else writes our topics",
    "controltower_track_late_total": "may be, when the machine is slow",
    "controltower_track_after_end_total": "only once routes have ended",
    "controltower_track_flapping_exceptions_total": "only after four openings",
    "controltower_track_unknown_routes_total": "every route has its plan",
    "controltower_track_unreadable_total": "only where somebody else writes our topics",
    "controltower_assign_haul_requests_total": "no parcel of the city has a line haul",
    "controltower_score_hauls_total": "the same",
    "controltower_score_unreadable_total": "only where somebody else writes our topics",
    "controltower_recover_unreadable_total": "the same",
    "controltower_recover_switches_total": "nobody turns one",
    "controltower_recover_playbooks_total": "the playbook is not changed",
    "controltower_project_unreadable_total": "the same",
    "controltower_deliver_unreadable_total": "the same",
    "controltower_score_model_changes_total": "no model is swapped",
    "controltower_score_shadow_difference_ratio": "no candidate runs beside the model",
    "controltower_score_shadow_turned_total": "the same",
    "controltower_score_unknown_features_total": "only between two versions",
    "controltower_deliver_undelivered_total": "no receiver fails",
}
#: Panels that may be empty then, and why.
EMPTY = {
    "Given up": "no receiver fails",
    "Rebalances and refused writes": "no write is refused where each partition has one owner",
    "Approvals and switches": "nobody turns a switch",
    "Asked for permission": "only where an action spans routes",
    "Waiting for a person": "the desk answers within a second",
    "Candidate beside the model": "there is none",
    "Silent routes by carrier": "every vehicle may be heard of just then",
    "Shipments on a line haul": "no parcel of the city has a line haul",
    "Risk told": "the least common of its codes may not have come yet",
    "Discipline": "no clock of the city is ahead",
    "Disputed, flapping, held back": "nothing flaps",
}


@pytest.fixture(scope="module")
def tower(real_kafka: RealKafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    for tool in ("redis-server", "prometheus", "prometheus-alertmanager"):
        need_tool(tool)
    with watched(real_kafka.brokers, tmp_path_factory.mktemp("watched")) as whole:
        yield whole


def _told(tower: Watched, alert: str, status: str) -> None:
    wait_until(f"{alert} {status}", lambda: tower.inbox.has(alert, status), LIMIT_S)


def test_a_killed_worker_is_told_and_its_return(tower: Watched) -> None:
    """SIGKILL to the process of track, and nobody starts it again for a while."""
    tower.tower.signal("worker", signal.SIGSTOP)
    tower.tower.kill("track")
    _told(tower, "StageDown", "firing")
    tower.tower.signal("worker", signal.SIGCONT)
    _told(tower, "StageDown", "resolved")


def test_a_stopped_feed_is_told_and_its_return(tower: Watched) -> None:
    """The process that sends the day hangs: the stream's clock stands."""
    tower.feed(stopped=True)
    _told(tower, "ClockStalled", "firing")
    tower.feed(stopped=False)
    _told(tower, "ClockStalled", "resolved")


def test_a_flood_of_poison_is_told_and_its_end(tower: Watched) -> None:
    """Some hundred payloads of garbage in the intake."""
    tower.poison(400)
    _told(tower, "RejectionsSurge", "firing")
    _told(tower, "RejectionsSurge", "resolved")


def test_a_lost_model_is_told_and_its_return(tower: Watched) -> None:
    """Its file is damaged when score starts again; then it is whole at the next start."""
    file = tower.model / "late.txt"
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    tower.tower.kill("score")
    _told(tower, "ScoreFallback", "firing")
    file.write_bytes(whole)
    tower.tower.kill("score")
    _told(tower, "ScoreFallback", "resolved")


def _moved(tower: Watched, metric: Metric) -> bool:
    name = metric.name + ("_count" if metric.kind is Kind.HISTOGRAM else "")
    bound = "" if metric.kind is Kind.GAUGE else " > 0"
    return bool(tower.shown.query(f"sum({name}){bound}"))


def test_every_metric_of_the_table_moves(tower: Watched) -> None:
    """Except the listed ones, each of which has its reason; and none is listed in vain."""
    table = {metric.name: metric for metric in (*METRICS, *BOARD)}
    assert set(STILL) <= set(table)
    left = set(table) - set(STILL)

    def all_moved() -> bool:
        left.difference_update([name for name in sorted(left) if _moved(tower, table[name])])
        return not left

    try:
        wait_until("every metric moves", all_moved, LIMIT_S)
    except AssertionError:
        assert not left


def test_every_metric_that_is_served_is_in_the_table(tower: Watched) -> None:
    """What Prometheus found under our name, against the table."""
    found = tower.shown.query('group by (__name__) ({__name__=~"controltower_.*"})')
    names = {series["metric"]["__name__"] for series in found}
    measured = {name for name in names if not name.endswith("_created")}
    table = {metric.name for metric in (*METRICS, *BOARD)}
    assert {re.sub("_(bucket|sum|count)$", "", name) for name in measured} <= table


@pytest.mark.parametrize("panel", METRIC_PANELS, ids=lambda panel: panel["title"])
def test_every_panel_of_the_run_shows_something(tower: Watched, panel: dict[str, Any]) -> None:
    """No query errs, none is empty unless listed, and every label of a legend has a value."""
    for target in panel["targets"]:
        expr = re.sub(r"\$\w+", ".*", target["expr"].replace("$__rate_interval", "1m"))
        found: list[dict[str, Any]] = []

        def answered(expr: str = expr, found: list[dict[str, Any]] = found) -> bool:
            found[:] = tower.shown.query(expr)
            return bool(found) or panel["title"] in EMPTY

        wait_until(f"{panel['title']}: {expr}", answered, LIMIT_S)
        for label in re.findall(r"{{(\w+)}}", target["legendFormat"]):
            assert all(series["metric"].get(label) for series in found)


@pytest.mark.parametrize("panel", API_PANELS, ids=lambda panel: panel["title"])
def test_every_table_of_the_run_has_rows(tower: Watched, panel: dict[str, Any]) -> None:
    """Each URL of a table, map or timeline answers with items that have at least half of its columns."""
    base = f"http://127.0.0.1:{tower.api}"
    route = httpx.get(f"{base}/v1/routes?phase=UNDERWAY&limit=1").json()["items"][0]["route_id"]
    for target in panel["targets"]:
        items: list[dict[str, Any]] = []
        url = base + target["url"].replace("${route}", route)

        def answered(url: str = url, items: list[dict[str, Any]] = items) -> bool:
            items[:] = httpx.get(url).raise_for_status().json()["items"]
            return bool(items) or panel["title"] in EMPTY

        wait_until(f"{panel['title']}: {url}", answered, LIMIT_S)
        columns = {column["selector"] for column in target["columns"]}
        assert not items or len(columns & set(items[0])) >= len(columns) / 2


@pytest.mark.parametrize(
    "step", steps(), ids=lambda step: f"{step.runbook}: {step.path or step.stage or step.ours}"
)
def test_the_steps_of_the_runbooks_can_be_taken(tower: Watched, step: Step) -> None:
    """Each command of a runbook does what it says on a tower that has been through the faults."""
    if step.path:
        answer = httpx.get(f"http://127.0.0.1:{tower.api}{step.path}")
        assert answer.status_code == 200
        assert "items" in answer.json()
    elif step.stage:
        port = tower.ports[step.stage]
        wait_until(f"{step.stage} is alive and ready", lambda: _check_stage(port) == "alive and ready\n")
    else:
        assert tower.tower.run("step", *step.ours) == 0, tower.tower.log("step")


def _check_stage(port: int) -> str:
    command = [sys.executable, str(ROOT / "deploy/docker/check-stage"), str(port)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def test_a_sink_can_be_tried(tower: Watched) -> None:
    """`controltower sinks try`, as the runbook SinkBehind says."""
    assert tower.tower.run("try", "sinks", "try", "desk") == 0
    assert "3 DELIVERED" in tower.tower.log("try")
