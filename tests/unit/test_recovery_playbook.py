"""The playbook: data, checked when it is read; an error names file, line and field."""

from __future__ import annotations

from pathlib import Path

import pytest

from controltower.recovery.playbook import PlaybookError, load_playbook, parse_playbook
from schemas.vocabulary import ActionName, ExceptionCode, Tier

TEXT = """\
name: mine
cost_cap: 10
rules:
  LONG_HALT:
    why: test
    steps:
      - action: CONTACT_DRIVER
        tier: AUTO_EXECUTE
        why: ask
        ttl_s: 600
        cooldown_s: 1200
"""


def test_the_shipped_playbook_answers_the_detectors() -> None:
    """Every detector that ships has a rule; a halt contacts the driver, a rescue needs a person."""
    playbook = load_playbook()
    halt = playbook.rules[ExceptionCode.LONG_HALT].steps
    assert [(step.action, step.tier) for step in halt] == [
        (ActionName.CONTACT_DRIVER, Tier.AUTO_EXECUTE),
        (ActionName.DISPATCH_RESCUE, Tier.ACT_WITH_APPROVAL),
    ]
    shipped = {"LONG_HALT", "EXCESS_DWELL", "ROUTE_DEVIATION", "SIGNAL_LOST", "SLA_AT_RISK", "LATE_DEPARTURE"}
    assert shipped <= {code.value for code in playbook.rules}


def test_what_costs_or_changes_a_promise_needs_approval() -> None:
    """No step that changes a route or a promise runs by itself in the shipped playbook."""
    by_itself = {
        step.action
        for rule in load_playbook().rules.values()
        for step in rule.steps
        if step.tier is Tier.AUTO_EXECUTE
    }
    assert by_itself <= {
        "CONTACT_DRIVER",
        "NOTIFY_CUSTOMER",
        "CONFIRM_WITH_CUSTOMER",
        "CARRIER_CHECK_CALL",
        "NOTIFY_OPS",
        "ESCALATE",
        "OPEN_TRACE",
        "REQUEST_POD_REVIEW",
        "REATTEMPT_DELIVERY",  # which the contract promises while attempts remain
    }


def test_the_version_is_the_content() -> None:
    """Comments and layout change nothing; a number does."""
    version = parse_playbook(TEXT, "a.yaml").policy_version
    assert version.startswith("mine@")
    assert parse_playbook("# a comment\n" + TEXT, "b.yaml").policy_version == version
    assert parse_playbook(TEXT.replace("600", "601"), "a.yaml").policy_version != version


def test_a_file_of_ones_own_is_read(tmp_path: Path) -> None:
    """load_playbook takes a path."""
    (tmp_path / "mine.yaml").write_text(TEXT)
    assert load_playbook(tmp_path / "mine.yaml").name == "mine"
    with pytest.raises(PlaybookError, match=r"missing\.yaml: cannot be read"):
        load_playbook(tmp_path / "missing.yaml")


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("ttl_s: 600", "ttl_s: 0", "p.yaml line 10, rules.LONG_HALT.steps[0].ttl_s: .*greater than 0"),
        ("CONTACT_DRIVER", "CALL_MUM", "p.yaml line 7, rules.LONG_HALT.steps[0].action: "),
        ("LONG_HALT", "LONG_HALTS", "p.yaml line 4, rules.LONG_HALTS: "),
        ("why: ask", "wy: ask", "p.yaml line 7, rules.LONG_HALT.steps[0].why: .*required"),
        ("cooldown_s: 1200", "cooldown_s: 1200\n        when: [{}]", "p.yaml line 12, .*when"),
        ("AUTO_EXECUTE", "[", "p.yaml line "),
        ("CONTACT_DRIVER", "RETURN_TO_SENDER", "p.yaml line 7, rules.LONG_HALT.steps.0.: .*two persons"),
        ("name: mine", "nam: mine", "p.yaml line 1, name: "),
    ],
)
def test_an_error_names_line_and_field(before: str, after: str, message: str) -> None:
    """One line, for a person with the file open."""
    pattern = message.replace("[0]", r"\[0\]").replace("p.yaml", r"p\.yaml")
    with pytest.raises(PlaybookError, match=pattern) as raised:
        parse_playbook(TEXT.replace(before, after), "p.yaml")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("text", ["", "- a list\n", "just text", "a: b: c"])
def test_what_is_no_playbook_is_refused(text: str) -> None:
    """An empty or foreign file is an error as well."""
    with pytest.raises(PlaybookError, match=r"^p\.yaml"):
        parse_playbook(text, "p.yaml")
