"""Backtest: a recorded day folded again with other playbooks, and what the commands say about it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from agents.cli import main
from controltower.dispatching.reference import Dispatcher
from controltower.offline.backtest import backtest
from controltower.offline.backtest_report import account, lines, page
from controltower.offline.recording import RecordingWriter
from controltower.recovery.explain import diff
from controltower.recovery.playbook import SHIPPED, load_playbook, parse_playbook
from controltower.recovery.policy import Playbook
from controltower.streaming.stage import Record
from schemas import wire
from schemas.topics import DISPATCH, RECOVERY_EVENTS
from schemas.vocabulary import FeedbackState
from tests.unit.recovery_day import Day, at, exception, feedback, resolved
from tests.unit.recovery_tower import Tower

DOCS = Path(__file__).parents[2] / "docs"
CAP = "caps: [{name: two, per: tenant, within: day, most: 2}]\n"
TEXT = """\
name: mine
cost_cap: 10
rules:
  LONG_HALT:
    why: test
    steps:
      - {action: CONTACT_DRIVER, tier: AUTO_EXECUTE, why: ask, ttl_s: 600, cooldown_s: 60, cost: 1}
"""
FREE, CAPPED = parse_playbook(TEXT, "a"), parse_playbook(CAP + TEXT, "b")


def a_day(playbook: Playbook) -> Tower:
    """Five halts on five routes; dispatch takes the first."""
    tower = Tower(playbook)
    tower.tick(at(0))
    for number in range(5):
        tower.append(exception(1, name=f"e{number}", route=f"r{number}"), f"route:r{number}")
    tower.drain()
    sent = next(action for _, action in tower.told if action.exception_id == "e0")
    tower.append(feedback(30, sent.action_id, FeedbackState.ACCEPTED, sent.home), sent.home)
    tower.append(feedback(60, sent.action_id, FeedbackState.SUCCEEDED, sent.home), sent.home)
    tower.tick(at(90))
    for number in range(5):
        ended = resolved(100, 2, f"e{number}", route=f"r{number}")
        tower.append(ended, f"route:r{number}")
    tower.tick(at(900))
    tower.drain()
    return tower


def test_the_same_playbook_does_the_same() -> None:
    """The recorded day with its own playbook gives its own actions."""
    tower = a_day(CAPPED)
    outcome = backtest(tower.logs, CAPPED)
    theirs = {action.action_id: action for _, action in tower.told}
    assert {action.action_id: action for action in outcome.actions.values()} == theirs


def test_another_playbook_is_held_back_by_its_cap() -> None:
    """Permits are asked for anew; what was answered that day reaches the same action."""
    accounts = [account(backtest(a_day(FREE).logs, playbook)) for playbook in (FREE, CAPPED)]
    assert accounts[0].states == {"SUCCEEDED": 1, "CANCELLED": 4}
    assert accounts[1].sent == {"CONTACT_DRIVER": 2}
    assert accounts[1].suppressed == {"COST_CAP": 3}
    assert (accounts[0].cost, accounts[1].cost) == ({"CONTACT_DRIVER": 5.0}, {"CONTACT_DRIVER": 2.0})
    shown = "\n".join(lines(accounts))
    assert FREE.policy_version in shown
    assert "COST_CAP" in shown


def test_a_played_dispatch_system_answers_every_action() -> None:
    """Recorded answers are left out then."""
    outcome = backtest(a_day(FREE).logs, FREE, Dispatcher())
    assert {action.answered_by for action in outcome.actions.values()} - {None} == {"reference-dispatch"}


def test_the_page_stands_alone() -> None:
    """Tables and plots in one file; names are escaped."""
    accounts = [replace(account(backtest(a_day(FREE).logs, FREE)), name="<b>")]
    html = page(accounts, "day", "as recorded")
    assert html.count("data:image/png;base64,") == 5
    assert "<th>&lt;b&gt;</th>" in html
    assert "http://" not in html


def record_day(folder: Path) -> Day:
    """A recording of one partition with its dispatch topic."""
    day = Day()
    day.happen(exception(0), exception(0, name="e2", route="r2"))
    with RecordingWriter(folder, 1, {RECOVERY_EVENTS: None, DISPATCH: None}) as writer:
        for offset, value in enumerate(day.log):
            writer.append(Record(RECOVERY_EVENTS, 0, offset, 0, None, value))
        for offset, action in enumerate(day.actions):
            key = action.action_id.encode()
            writer.append(Record(DISPATCH, 0, offset, 0, key, wire.encode(action)))
    return day


def test_the_commands_read_a_recording(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """backtest, list, show and why, without a broker."""
    day = record_day(tmp_path / "day")
    recording = str(tmp_path / "day")
    html = tmp_path / "report.html"
    assert main(["playbook", "backtest", recording, "--playbook", str(SHIPPED), "--html", str(html)]) == 0
    assert html.exists()
    assert main(["actions", "list", "--recording", recording]) == 0
    assert main(["actions", "show", day.actions[0].action_id[:8], "--recording", recording]) == 0
    assert main(["actions", "why", "e2", "--recording", recording]) == 0
    shown = capsys.readouterr().out
    assert "2 actions" in shown
    assert "weighed    DISPATCH_RESCUE (CONDITION_NOT_MET)" in shown
    assert main(["actions", "show", "nobody", "--recording", recording]) == 2
    assert "no action" in capsys.readouterr().err


def test_check_explain_and_diff(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A mistake is one line with file, line and field; diff says what the second answers otherwise."""
    one, other = tmp_path / "one.yaml", tmp_path / "other.yaml"
    one.write_text(TEXT)
    other.write_text(CAP + TEXT.replace("600", "700"))
    assert main(["playbook", "check", str(one)]) == 0
    assert main(["playbook", "explain", str(one), "--code", "LONG_HALT"]) == 0
    assert main(["playbook", "diff", str(one), str(other)]) == 1
    shown = capsys.readouterr().out
    assert "1 of 32 codes have a rule" in shown
    assert "~ rules.LONG_HALT.steps.CONTACT_DRIVER.ttl_s: 600 -> 700" in shown
    assert "+ caps.two" in shown
    one.write_text(TEXT.replace("ttl_s", "ttl"))
    assert main(["playbook", "check", str(one)]) == 2
    assert "one.yaml line 7, rules.LONG_HALT.steps[0].ttl_s" in capsys.readouterr().err
    assert diff(load_playbook(), load_playbook()) == []


def test_the_schema_for_editors_is_up_to_date() -> None:
    """`controltower playbook schema > docs/playbook.schema.json` after a change of the policy."""
    assert json.loads((DOCS / "playbook.schema.json").read_text()) == Playbook.model_json_schema()
