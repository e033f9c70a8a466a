"""What a run prints: one line per fault, and for each that failed how to see it again."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from tests.fault.__main__ import Run, again
from tests.fault.faults import list_faults
from tests.fault.judge import Verdict
from tests.fault.table import Row, line, summary
from tests.kafka import GivenKafka

GOOD = Verdict(records_in=10, applied=7, copies=1, late=1, dead_lettered=1)
LOSS = Verdict(records_in=10, applied=9, lost=2, differences=["track -> exceptions: live lacks one"])


def row(verdict: Verdict, *, injected: int = 1, wants_loss: bool = False) -> Row:
    return Row("kill -9", injected, verdict, [1.5, 2.25], wants_loss=wants_loss)


def test_a_row_passes_only_where_something_was_injected_and_nothing_is_wrong() -> None:
    """And a control only where the judge has found something."""
    assert row(GOOD).passed
    assert not row(GOOD, injected=0).passed
    assert not row(LOSS).passed
    assert not row(GOOD, wants_loss=True).passed
    assert row(LOSS, wants_loss=True).passed


def test_a_line_has_the_longest_wait_and_the_verdict() -> None:
    """Numbers in the order of the head."""
    cells = line(row(LOSS)).split()
    assert cells[-1] == "FAILED"
    assert cells[-2] == "2.2"
    assert cells[-5:-2] == ["2", "0", "0"]


def test_a_loss_tells_the_seed_and_the_command_that_repeats_it(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the screen and in the file; a good row says nothing of the kind, and the exit code is 1."""
    verdicts = {"kill -9": LOSS, "SIGTERM": GOOD}
    monkeypatch.setattr(
        "tests.fault.__main__.run_fault",
        lambda fault, kafka, seed, vans: Row(fault.name, 1, verdicts[fault.name], []),
    )
    faults = [fault for fault in list_faults(short=True) if fault.name in verdicts]
    out = tmp_path / "table.txt"
    assert Run(GivenKafka("nobody:1"), out, short=True).rounds(faults, 77, 0.0) == 1
    said = capsys.readouterr().out
    assert said == out.read_text()
    (told,) = [line for line in said.splitlines() if "again:" in line]
    assert told.strip() == "seed 77; again: python -m tests.fault --seed 77 --only 'kill -9' --short"
    assert "2 lost, 0 twice, 1 rows failed" in said


def test_the_command_is_understood_by_the_suite() -> None:
    """Its words are those of the command line, with the name of a fault that exists."""
    words = shlex.split(again(row(LOSS), 5, short=False))
    assert words[:3] == ["python", "-m", "tests.fault"]
    assert words[words.index("--only") + 1] in {fault.name for fault in list_faults(short=False)}


def test_the_sum_leaves_out_what_a_control_finds() -> None:
    """Losses that are wanted are none."""
    assert "0 lost, 0 twice, 0 rows failed" in summary([row(GOOD), row(LOSS, wants_loss=True)])
