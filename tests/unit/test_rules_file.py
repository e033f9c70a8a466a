"""Thresholds are data: one checked file, whose version stands in every exception."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from agents.app import build_stage
from agents.cli import main
from controltower.detect.rules import JSON_SCHEMA, RulesError, load_limits, parse_rules, write_schema
from controltower.route.limits import DEFAULT_LIMITS
from controltower.settings import load_settings
from tests.unit.roads import TICKS_ALL_DAY, day_of, drive, exceptions_in, stand


def test_the_shipped_file_says_what_the_code_says() -> None:
    """The defaults of the code and the shipped file are the same numbers."""
    shipped = load_limits()
    assert msgspec.structs.replace(shipped, version=DEFAULT_LIMITS.version) == DEFAULT_LIMITS
    assert shipped.version.startswith(f"{DEFAULT_LIMITS.version}+")


def test_the_json_schema_is_generated() -> None:
    """The schema beside the file is the one of the code (`python -m controltower.detect.rules`)."""
    assert JSON_SCHEMA.read_text(encoding="utf-8") == write_schema()


def test_a_file_needs_only_what_differs_and_its_version_tells_the_values() -> None:
    """Comments and order change nothing in the version, another number does."""
    one = parse_rules("version: ours\nlong_halt: {halt_s: 900}\n", "r.yaml")
    same = parse_rules("# why\nlong_halt:\n  halt_s: 900.0\nversion: ours\n", "r.yaml")
    other = parse_rules("version: ours\nlong_halt: {halt_s: 901}\n", "r.yaml")
    assert one == same
    assert one.halt_ms == 900_000
    assert one.corridor_m == DEFAULT_LIMITS.corridor_m
    assert one.version != other.version


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("version: x\nmotion:\n  walking_mps: -1\n", "line 3, motion.walking_mps: Input should be greater"),
        ("version: x\nmotion:\n  walking: 1\n", "line 3, motion.walking: Extra inputs"),
        ("version: x\nhalts: {}\n", "line 2, halts: Extra inputs"),
        ("version: x\nsla_at_risk:\n  risk_open: 0.2\n", "line 3, risk_clear: must not be above risk_open"),
        (
            "version: x\nlong_halt:\n  halt_s: ten\n",
            "line 3, long_halt.halt_s: Input should be a valid number",
        ),
        ("version: [", "line 1: expected the node content"),
        ("motion: {}\n", "line 1, version: Field required"),
    ],
)
def test_an_error_names_the_line_and_the_field(text: str, told: str) -> None:
    """One line, so that whoever wrote the file finds the place."""
    with pytest.raises(RulesError, match=r"r\.yaml") as wrong:
        parse_rules(text, "r.yaml")
    assert told in str(wrong.value)
    assert "\n" not in str(wrong.value)


def test_the_detectors_read_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With half the time a halt of six minutes is told, and the record says by which rules."""
    file = tmp_path / "rules.yaml"
    file.write_text("version: strict/1\nlong_halt: {halt_s: 300}\n")
    monkeypatch.setenv("CONTROLTOWER_RULES", str(file))
    fold = build_stage("track", load_settings(), lambda: 0).make_fold(0, 1)
    pings = drive(0, 300, 0) + stand(330, 690, 2500) + drive(720, 1500, 2750)
    records = exceptions_in(fold.fold(day_of(pings, TICKS_ALL_DAY)).outputs)
    assert records[0].code.value == "LONG_HALT"
    assert records[0].rule_version.startswith("strict/1+")


def test_a_wrong_file_ends_the_command_with_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No traceback: file, line, field."""
    file = tmp_path / "rules.yaml"
    file.write_text("version: x\nlong_halt: {halt_s: 0}\n")
    monkeypatch.setenv("CONTROLTOWER_RULES", str(file))
    assert main(["replay", str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    traces = tmp_path / "t.csv"
    traces.write_text("t,x,y\n0,0,0\n")
    assert main(["evaluate", "motion", str(traces)]) == 2
    assert "rules.yaml line 2, long_halt.halt_s" in capsys.readouterr().err
