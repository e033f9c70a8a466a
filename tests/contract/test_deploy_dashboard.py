"""The provisioned dashboard: generated, complete, and in step with the table of metrics."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any

import pytest

from tests.contract.deployment import DEPLOY, read_compose, read_yaml
from tests.contract.promql import find_faults
from tests.contract.test_deploy_prometheus import RECORDED

GRAFANA = DEPLOY / "grafana"
FILE = GRAFANA / "dashboards" / "operations.json"
DASHBOARD: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
PANELS: list[dict[str, Any]] = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
each_panel = pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])


def test_the_file_is_what_the_generator_prints() -> None:
    """python deploy/grafana/operations.py > deploy/grafana/dashboards/operations.json"""
    command = [sys.executable, str(GRAFANA / "operations.py")]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert FILE.read_text(encoding="utf-8") == printed


@each_panel
def test_a_panel_explains_itself(panel: dict[str, Any]) -> None:
    """A description, a unit, and words where there is no value, so that nothing is never taken for zero."""
    defaults = panel["fieldConfig"]["defaults"]
    assert len(panel["description"]) > 20
    assert defaults["unit"] in ("none", "s", "cps", "percentunit")
    assert defaults["noValue"] == "no value"


@each_panel
def test_a_panel_only_asks_for_what_is_measured(panel: dict[str, Any]) -> None:
    """Metrics, labels and label values of every query exist; the data source is the provisioned one."""
    source = read_yaml(GRAFANA / "provisioning/datasources/prometheus.yml")["datasources"][0]
    for target in panel["targets"]:
        assert list(find_faults(target["expr"], RECORDED)) == []
        assert target["datasource"] == {"type": source["type"], "uid": source["uid"]}


@each_panel
def test_a_panel_only_uses_variables_that_exist(panel: dict[str, Any]) -> None:
    """$feed, $code and $stage can be chosen; anything else is Grafana's own."""
    offered = {variable["name"] for variable in DASHBOARD["templating"]["list"]}
    for target in panel["targets"]:
        assert set(re.findall(r"\$(\w+)", target["expr"])) <= {*offered, "__rate_interval"}


def test_panels_do_not_overlap() -> None:
    """Every cell of the grid belongs to one panel at most, and none lies outside the 24 columns."""
    cells = [
        (place["x"] + x, place["y"] + y)
        for place in (panel["gridPos"] for panel in DASHBOARD["panels"])
        for x in range(place["w"])
        for y in range(place["h"])
    ]
    assert len(cells) == len(set(cells))
    assert all(x < 24 for x, _ in cells)


def test_grafana_finds_it() -> None:
    """The provider reads the folder that compose mounts, and the home page is this dashboard."""
    provider = read_yaml(GRAFANA / "provisioning/dashboards/controltower.yml")["providers"][0]
    grafana = read_compose()["services"]["grafana"]
    folder = provider["options"]["path"]
    assert f"./deploy/grafana/dashboards:{folder}:ro" in grafana["volumes"]
    home = grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home == f"{folder}/{FILE.name}"
