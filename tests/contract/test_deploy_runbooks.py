"""What the runbooks tell a person to type exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agents.cli import COMMANDS
from controltower.settings import Settings, variable_of
from tests.contract.deployment import ROOT, read_compose
from tests.contract.promql import find_faults
from tests.contract.test_deploy_prometheus import RECORDED

RUNBOOKS = sorted((ROOT / "docs/runbooks").glob("*.md"))
SERVICES = read_compose()["services"]
_SERVICE = re.compile(
    r"docker compose (?:exec|restart|logs(?: --tail \d+)?|ps|run --rm(?: -v \S+)?) (?!-)([a-z]+)"
)
each_runbook = pytest.mark.parametrize("path", RUNBOOKS, ids=lambda path: path.stem)


@each_runbook
def test_services_and_commands_exist(path: Path) -> None:
    """Every service that a command names is in docker-compose.yml, every subcommand is ours."""
    text = path.read_text(encoding="utf-8")
    assert set(_SERVICE.findall(text)) <= set(SERVICES)
    ours = re.findall(r"run --rm(?: -v \S+)? topics ([a-z]+)|`controltower ([a-z]+)", text)
    assert {first or second for first, second in ours} <= set(COMMANDS)


@each_runbook
def test_settings_and_metrics_exist(path: Path) -> None:
    """Variables are settings, and PromQL asks for what is measured."""
    text = path.read_text(encoding="utf-8")
    known = {variable_of(name) for name in Settings.model_fields}
    assert set(re.findall(r"CONTROLTOWER_[A-Z_]+", text)) <= known
    assert list(find_faults(text, RECORDED)) == []


@each_runbook
def test_links_lead_somewhere(path: Path) -> None:
    """Relative links point at files."""
    for target in re.findall(r"\]\(([^)#:]+)\)", path.read_text(encoding="utf-8")):
        assert (path.parent / target).is_file(), target


def test_the_check_of_commands_finds_them() -> None:
    """The runbooks name services at all, so that the check above checks something."""
    named = {name for path in RUNBOOKS for name in _SERVICE.findall(path.read_text(encoding="utf-8"))}
    assert {"track", "normalize", "kafka", "topics"} <= named
