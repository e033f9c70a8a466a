"""The provisioned dashboards: generated, complete, and in step with the metrics and the read API."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any

import pytest

from controltower.readapi.carriers import CarrierLine
from controltower.readapi.openapi import LIST
from controltower.readmodel.board import ActionLine, ExceptionLine, RouteLine, ShipmentLine, StepLine
from tests.contract.deployment import DEPLOY, read_compose, read_yaml
from tests.contract.promql import find_faults
from tests.contract.test_deploy_prometheus import RECORDED

GRAFANA = DEPLOY / "grafana"
NAMES = ("wall", "carriers", "routes", "exceptions", "risk", "platform")
DASHBOARDS: dict[str, dict[str, Any]] = {
    name: json.loads((GRAFANA / "dashboards" / f"{name}.json").read_text(encoding="utf-8")) for name in NAMES
}
PANELS: list[tuple[str, dict[str, Any]]] = [
    (name, panel) for name, board in DASHBOARDS.items() for panel in board["panels"] if panel["type"] != "row"
]
METRIC_PANELS = [panel for _, panel in PANELS if panel["datasource"]["type"] == "prometheus"]
API_PANELS = [panel for _, panel in PANELS if panel["datasource"]["type"] != "prometheus"]
#: What the items of a list of the read API have, by the last word of its path.
_ITEMS: dict[str, type] = {
    "routes": RouteLine,
    "exceptions": ExceptionLine,
    "actions": ActionLine,
    "shipments": ShipmentLine,
    "carriers": CarrierLine,
    "timeline": StepLine,
}
each_panel = pytest.mark.parametrize(
    ("board", "panel"), PANELS, ids=[f"{name}: {panel['title']}" for name, panel in PANELS]
)
each_board = pytest.mark.parametrize("board", NAMES)


def test_the_files_are_what_the_generator_writes() -> None:
    """python deploy/grafana/generate.py"""
    command = [sys.executable, str(GRAFANA / "generate.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert {path.stem for path in (GRAFANA / "dashboards").glob("*.json")} == set(NAMES)


@each_panel
def test_a_panel_explains_itself(board: str, panel: dict[str, Any]) -> None:
    """A description, a unit, and words where there is no value, so that nothing is never taken for zero."""
    defaults = panel["fieldConfig"]["defaults"]
    assert len(panel["description"]) > 20
    assert defaults["unit"] in ("none", "s", "cps", "percentunit", "bytes")
    assert defaults["noValue"] == "no value"


@each_panel
def test_a_panel_only_asks_for_what_there_is(board: str, panel: dict[str, Any]) -> None:
    """Metrics, labels and label values of every query exist; fields of the read API too."""
    for target in panel["targets"]:
        if "expr" in target:
            assert list(find_faults(target["expr"], RECORDED)) == []
            continue
        kind = target["url"].partition("?")[0].rpartition("/")[2]
        assert {column["selector"] for column in target["columns"]} <= set(_ITEMS[kind].__annotations__)


@each_panel
def test_a_panel_uses_a_data_source_that_is_provisioned(board: str, panel: dict[str, Any]) -> None:
    """Type and uid of the panel and of each query are those of one of the provisioned files."""
    files = sorted((GRAFANA / "provisioning/datasources").glob("*.yml"))
    known = [source for file in files for source in read_yaml(file)["datasources"]]
    used = [panel["datasource"], *(target["datasource"] for target in panel["targets"])]
    pairs = {(source["type"], source["uid"]) for source in known}
    assert {(source["type"], source["uid"]) for source in used} <= pairs


@each_panel
def test_a_panel_only_uses_variables_that_exist(board: str, panel: dict[str, Any]) -> None:
    """What follows a $ can be chosen on this dashboard; anything else is Grafana's own."""
    offered = {variable["name"] for variable in DASHBOARDS[board].get("templating", {}).get("list", [])}
    for target in panel["targets"]:
        named = set(re.findall(r"\$\{?(\w+)", target.get("expr", "") + target.get("url", "")))
        assert named <= {*offered, "__rate_interval"}


@each_board
def test_panels_do_not_overlap(board: str) -> None:
    """Every cell of the grid belongs to one panel at most, and none lies outside the 24 columns."""
    cells = [
        (place["x"] + x, place["y"] + y)
        for place in (panel["gridPos"] for panel in DASHBOARDS[board]["panels"])
        for x in range(place["w"])
        for y in range(place["h"])
    ]
    assert len(cells) == len(set(cells))
    assert all(x < 24 for x, _ in cells)


@each_board
def test_a_dashboard_marks_what_changed(board: str) -> None:
    """On every graph, from metrics that exist; and the boards link to each other."""
    shown = DASHBOARDS[board]
    marks = {mark["name"]: mark["expr"] for mark in shown["annotations"]["list"]}
    assert set(marks) == {"Alerts", "Restarts", "Deployments", "Model swaps"}
    assert [fault for expr in marks.values() for fault in find_faults(expr, RECORDED)] == []
    assert [link["tags"] for link in shown["links"]] == [["controltower"]]
    assert shown["tags"] == ["controltower"]


def test_the_documented_lists_are_the_ones_shown() -> None:
    """Each kind of list that the read API documents has a panel somewhere."""
    shown = {
        target["url"].partition("?")[0].rpartition("/")[2] for p in API_PANELS for target in p["targets"]
    }
    assert shown == set(_ITEMS)
    assert len(LIST) == len(_ITEMS)


def test_grafana_finds_them() -> None:
    """The provider reads the folder that compose mounts, and the home page is the wall."""
    provider = read_yaml(GRAFANA / "provisioning/dashboards/controltower.yml")["providers"][0]
    grafana = read_compose()["services"]["grafana"]
    folder = provider["options"]["path"]
    assert f"./deploy/grafana/dashboards:{folder}:ro" in grafana["volumes"]
    home = grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home == f"{folder}/wall.json"
