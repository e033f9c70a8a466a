"""A candidate beside the live model: their scores against what came true, from a recording."""

from __future__ import annotations

from pathlib import Path

import pytest

from controltower.offline.recording import RecordingWriter, open_recording
from controltower.risk.shadow_report import Beside, read_beside, report_lines
from controltower.risk.sources.simulated import log_of
from controltower.route.timeline import from_ms
from controltower.simulate.day import Day, simulate_day
from controltower.streaming.stage import Record
from schemas import topics, wire
from schemas.vocabulary import ScoreSource


@pytest.fixture(scope="module")
def day() -> Day:
    """A small day of a city."""
    return simulate_day(7, vans=3, parcels=60, city_km=6.0)


def scores_of(day: Day) -> list[wire.Score]:
    """Before the first van leaves: the live model does not know, the candidate knows what will be."""
    late = {(o.route_id, o.sequence): o.arrived_at_ms for o in day.outcomes}
    scores = []
    for plan in day.plans:
        stops = []
        for stop in plan.stops[1:]:
            assert stop.promised_by is not None
            missed = from_ms(late[plan.route_id, stop.sequence]) > stop.promised_by
            stops.append(wire.StopScore(stop.stop_id, 0.5, shadow_p_late=0.9 if missed else 0.1))
        scores.append(
            wire.Score(
                request_id=f"{plan.route_id}/1",
                route_id=plan.route_id,
                as_of=plan.departs_at,
                stops=tuple(stops),
                scored_by=ScoreSource.MODEL,
                model_version="live-1",
                shadow_version="next-2",
            )
        )
    return scores


def recorded(day: Day, folder: Path, scores: list[wire.Score]) -> Path:
    """The day and its scores as a recording of one partition."""
    log = [*log_of(day)]
    values = [record.value for record in log] + [wire.encode(score) for score in scores]
    with RecordingWriter(folder, 1, {topics.ROUTE_EVENTS: None}) as writer:
        for offset, value in enumerate(values):
            writer.append(Record(topics.ROUTE_EVENTS, 0, offset, day.ends_at_ms, None, value))
    return folder


@pytest.fixture(scope="module")
def beside(day: Day, tmp_path_factory: pytest.TempPathFactory) -> Beside:
    """What the recording tells."""
    folder = recorded(day, tmp_path_factory.mktemp("day") / "recording", scores_of(day))
    return read_beside(open_recording(folder))


def test_each_scored_stop_is_joined_with_its_outcome(beside: Beside, day: Day) -> None:
    """Arrivals come from the fixes as in a history, so nearly every stop is known, and rightly."""
    assert len(beside.late) > 0.9 * len(day.outcomes)
    agreed = [(p > 0.5) == bool(y) for p, y in zip(beside.candidate, beside.late, strict=True)]
    assert sum(agreed) > 0.95 * len(agreed)
    assert beside.versions == {("live-1", "next-2")}


def test_the_better_one_is_told(beside: Beside) -> None:
    """By horizon and over all: losses of both, their difference with its interval, the share turned."""
    lines = list(report_lines(beside))
    assert lines[0] == "candidate next-2 beside live-1"
    total = lines[-1].split()
    assert total[0] == "all"
    assert "better" in total
    assert float(total[2]) == 0.25
    assert float(total[3]) < 0.1


def test_a_day_without_a_candidate_has_nothing_to_report(day: Day, tmp_path: Path) -> None:
    """No shadow, no rows."""
    assert not read_beside(open_recording(recorded(day, tmp_path / "recording", []))).late
