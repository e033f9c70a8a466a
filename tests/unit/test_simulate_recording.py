"""A simulated day kept in a folder reads back as it was."""

from __future__ import annotations

from pathlib import Path

from controltower.intake import CLOCK_HEADER
from controltower.offline.recording import open_recording
from controltower.simulate.day import simulate_day
from controltower.simulate.recording import read_truth, write_day
from schemas.topics import CARRIER_EVENTS, PLANS


def test_a_kept_day_reads_back(tmp_path: Path) -> None:
    """All payloads and plans are there, clock marks in every partition, and the truth beside them."""
    day = simulate_day(2, vans=4, parcels=120)
    write_day(day, tmp_path, partitions=2)
    recording = open_recording(tmp_path / "intake")
    records = [record for partition in range(2) for record in recording.read(CARRIER_EVENTS, partition)]
    marks = [record for record in records if record.headers[0][0] == CLOCK_HEADER]
    payloads = [record.value for record in records if record.headers[0][0] != CLOCK_HEADER]
    assert sorted(payload or b"" for payload in payloads) == sorted(a.payload for a in day.arrivals)
    assert {mark.partition for mark in marks} == {0, 1}
    assert sum(1 for partition in range(2) for _ in recording.read(PLANS, partition)) == 4
    assert tuple(read_truth(tmp_path)) == day.truth
