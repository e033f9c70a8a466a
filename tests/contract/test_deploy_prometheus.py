"""Prometheus' configuration and rules: valid, tested by promtool, and in step with the table of metrics."""

from __future__ import annotations

import re
import subprocess
from typing import Any

import pytest

from controltower.settings import Settings
from controltower.streaming.exits import Exit
from schemas.topics import ALL_STAGES, RAW_RETENTION_MS, STAGES
from tests.contract.deployment import DEPLOY, ROOT, need_tool, read_yaml
from tests.contract.promql import find_faults

PROMETHEUS = DEPLOY / "prometheus"
RULES = [
    rule
    for path in sorted((PROMETHEUS / "rules").glob("*.yml"))
    for group in read_yaml(path)["groups"]
    for rule in group["rules"]
]
ALERTS = {rule["alert"]: rule for rule in RULES if "alert" in rule}
RECORDED = frozenset(rule["record"] for rule in RULES if "record" in rule)
each_alert = pytest.mark.parametrize("name", ALERTS)


def promtool(*arguments: str) -> None:
    command = [need_tool("promtool"), *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_promtool_accepts_the_configuration() -> None:
    """With the rule files that it names."""
    promtool("check", "config", str(PROMETHEUS / "prometheus.yml"))


def test_alerts_fire_and_end_as_their_tests_say() -> None:
    """Quiet one step before, firing one step after, gone after recovery."""
    promtool("test", "rules", *map(str, sorted((PROMETHEUS / "tests").glob("*.yml"))))


@each_alert
def test_each_alert_is_tested_quiet_and_firing(name: str) -> None:
    """Its tests begin quiet, fire, and (but for a clock that never came) end quiet."""
    suites = [read_yaml(path)["tests"] for path in sorted((PROMETHEUS / "tests").glob("*.yml"))]
    cases = [
        [bool(case["exp_alerts"]) for case in test.get("alert_rule_test", ()) if case["alertname"] == name]
        for suite in suites
        for test in suite
    ]
    assert [False, True, False] in cases


@each_alert
def test_each_alert_explains_itself(name: str) -> None:
    """What happened, what it means, where the threshold comes from, and a runbook that exists."""
    annotations = ALERTS[name]["annotations"]
    assert set(annotations) == {"summary", "meaning", "arithmetic", "runbook"}
    assert annotations["runbook"] == f"docs/runbooks/{name}.md"
    text = (ROOT / annotations["runbook"]).read_text(encoding="utf-8")
    assert text.startswith(f"# {name}\n")
    for heading in ("## What it means", "## How to see it", "## What to do"):
        assert heading in text
    assert ALERTS[name]["labels"]["severity"] in ("critical", "warning")
    assert "for" in ALERTS[name]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.get("alert") or rule["record"])
def test_rules_only_ask_for_what_is_measured(rule: dict[str, Any]) -> None:
    """Metrics, labels and label values of every expression are in the table of metrics."""
    assert list(find_faults(rule["expr"], RECORDED)) == []


def test_the_check_of_expressions_finds_faults() -> None:
    """A metric, a label and a value that do not exist are each told."""
    expr = 'controltower_no_such_total + controltower_track_events_total{kind="tick", colour="red"}'
    assert len(list(find_faults(expr, frozenset()))) == 3


def test_every_stage_is_scraped_at_its_port() -> None:
    """One name and port per stage, as CONTROLTOWER_METRICS_PORT counts up."""
    jobs = {job["job_name"]: job for job in read_yaml(PROMETHEUS / "prometheus.yml")["scrape_configs"]}
    found = {found["names"][0]: found["port"] for found in jobs["controltower"]["dns_sd_configs"]}
    first = Settings().metrics_port
    assert found == {stage: first + place for place, stage in enumerate(ALL_STAGES)}


def test_a_stage_that_never_came_up_is_told() -> None:
    """absent() is asked for every stage, since a target that never resolved has no series."""
    asked = re.findall(r'absent\(up\{job="controltower", stage="(\w+)"\}\)', ALERTS["StageDown"]["expr"])
    assert tuple(asked) == STAGES


def test_thresholds_agree_with_the_code() -> None:
    """Limits that the arithmetic quotes are the ones in force."""
    assert (
        f"CONTROLTOWER_UNREADY_S = {Settings().unready_s:.0f} s"
        in (ALERTS["StageNotReady"]["annotations"]["arithmetic"])
    )
    days = RAW_RETENTION_MS // (24 * 3600 * 1000)
    assert f"({days} days)" in ALERTS["LagGrowing"]["annotations"]["meaning"]


def test_the_runbook_knows_every_exit_code() -> None:
    """The table of StageDown has each code that a stage ends with."""
    text = (ROOT / "docs/runbooks/StageDown.md").read_text(encoding="utf-8")
    rows = {int(code) for code in re.findall(r"^\| (\d+)\b", text, re.MULTILINE)}
    assert {int(code) for code in Exit} <= rows


def test_no_runbook_is_left_without_its_alert() -> None:
    """A runbook whose alert was renamed or dropped is found."""
    names = {path.stem for path in (ROOT / "docs/runbooks").glob("*.md")}
    assert names == {*ALERTS, "README"}
