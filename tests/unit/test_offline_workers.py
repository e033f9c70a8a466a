"""A replay by several processes gives the bytes of one, in the same order."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from agents.app import OFFLINE_STAGES, build_offline_stages
from controltower.offline.crew import Crew, CrewFailed
from controltower.offline.recording import RecordingWriter, open_recording
from controltower.offline.relive import relive
from controltower.offline.results import FILES
from controltower.offline.shard import share
from controltower.settings import load_settings
from controltower.streaming.stage import Record
from schemas.topics import DISPATCH, EXCEPTIONS, ROUTE_STATUS
from tests.unit.recorded_afternoon import PARTITIONS, make_arrivals, make_plans, run_afternoon

BUILD = partial(build_offline_stages, load_settings({}))


@pytest.fixture(scope="module")
def afternoon() -> list[Record]:
    return run_afternoon()[0]


def test_a_crew_publishes_what_one_process_does(afternoon: list[Record]) -> None:
    """Every record, with its offsets of evidence, and every count, whatever the number of workers."""
    alone = [(r.topic, r.key, r.value) for r in afternoon if r.topic in FILES and r.value is not None]
    with Crew(BUILD, len(OFFLINE_STAGES), PARTITIONS, PARTITIONS + 1) as crew:
        together = [(out.topic, out.key, out.value) for out in crew.run(make_plans(), make_arrivals())]
    assert {topic for topic, *_ in alone} == {EXCEPTIONS, DISPATCH, ROUTE_STATUS}
    assert together == alone
    assert crew.tallies == run_afternoon()[1].tallies


def test_a_recording_is_relived_alike_by_two(afternoon: list[Record], tmp_path: Path) -> None:
    """Log by log in whatever process, merged by stream time; each log is counted once."""
    with RecordingWriter(tmp_path, PARTITIONS, {r.topic: None for r in afternoon}) as writer:
        for record in afternoon:
            writer.append(record)
    recording = open_recording(tmp_path)
    alone, done = list(relive(recording, BUILD)), []
    assert list(relive(recording, BUILD, 2, done.append)) == alone
    assert {EXCEPTIONS, DISPATCH} <= {out.topic for out in alone}
    assert sum(done) > 0


def test_a_crew_whose_stages_cannot_be_made_fails(capfd: pytest.CaptureFixture[str]) -> None:
    """The replay ends with an error instead of waiting for a process that is gone."""
    with Crew(_broken, 1, PARTITIONS, 2) as crew, pytest.raises(CrewFailed):
        list(crew.run(make_plans(), make_arrivals()))
    assert "no stages today" in capfd.readouterr().err


def _broken(_clock: object) -> list[object]:
    raise RuntimeError("no stages today")


def test_every_partition_has_one_owner() -> None:
    """Shares differ by one partition at most."""
    for workers in range(1, 9):
        shares = share(8, workers)
        assert sorted(p for own in shares for p in own) == list(range(8))
        assert max(map(len, shares)) - min(map(len, shares)) <= 1
