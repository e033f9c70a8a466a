"""The rules hold on events at other places, times and kinds than they were chosen on."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import pytest

from agents.cli import main
from controltower.route.timeline import to_ms
from schemas import wire
from tests.injection.__main__ import make
from tests.injection.kinds import DUE

BASE = Path(__file__).parents[3] / "shared" / "data" / "wmata"


@pytest.mark.skipif(not BASE.is_dir(), reason="the recorded afternoon is not beside the repository")
def test_every_injected_event_is_told_once(tmp_path: Path) -> None:
    """Halts, dwells, detours and silences of all kinds: each found, none split, look-alikes left alone."""
    truths = make(BASE, tmp_path / "day", seed=11)
    assert main(["replay", str(tmp_path / "day"), "--out", str(tmp_path / "out")]) == 0
    told: defaultdict[int, set[tuple[str, str]]] = defaultdict(set)
    begun: defaultdict[int, set[str]] = defaultdict(set)
    for line in (tmp_path / "out" / "exceptions.jsonl").open():
        record = wire.decode_any(line)
        assert isinstance(record, wire.ExceptionRecord)
        if record.route_id is None:
            continue
        trip = int(record.route_id.partition("@")[0])
        begins_s, ends_s = (to_ms(at) / 1000 for at in (record.onset_at, record.updated_at))
        truth = next((t for t in truths if t["trip_id"] == trip), None)
        if truth and "start" in truth and begins_s <= truth["end"] + 60 and ends_s >= truth["start"] - 60:
            told[trip].add((record.code.value, record.exception_id))
            if begins_s >= truth["start"] - 60:
                begun[trip].add(record.code.value)
    due = [truth for truth in truths if truth["kind"] in DUE]
    missed = [t for t in due if not {code for code, _ in told[t["trip_id"]]} & _codes(t)]
    split = [t for t in due if sum(code in _codes(t) for code, _ in told[t["trip_id"]]) > 1]
    alarms = [
        truth
        for truth in truths
        if truth["kind"] in ("short_halt", "short_gap", "canyon", "teleport", "noise_bump", "crawl")
        for code in begun[truth["trip_id"]]
        if code in ("ROUTE_DEVIATION", "SIGNAL_LOST")
    ]
    assert len(missed) <= 1, json.dumps(missed)
    assert split == []
    assert alarms == []


def _codes(truth: dict[str, object]) -> set[str]:
    """Near a stop a halt may be told as either."""
    halts = {"LONG_HALT", "EXCESS_DWELL"}
    return halts if truth["kind"] in halts else {str(truth["kind"])}
