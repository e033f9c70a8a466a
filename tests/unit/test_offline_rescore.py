"""A recording asked anew: another model's answers stand where the recorded ones stood."""

from __future__ import annotations

from pathlib import Path

import pytest

from controltower.offline.recording import RecordingError, RecordingWriter, open_recording
from controltower.offline.rescore import rescored
from controltower.risk.fold import ScoreFold
from controltower.streaming.stage import Record, StageSpec
from schemas import wire
from schemas.topics import ROUTE_EVENTS, SCORE_REQUESTS
from tests.unit.roads import tick_at
from tests.unit.test_score_serving import MODELS, question


def stage(model: str) -> StageSpec:
    """The score stage with one of the fixed models."""
    return StageSpec("score", (SCORE_REQUESTS,), "c", lambda p, n: ScoreFold(p, n, MODELS[model]))


def record_day(folder: Path, topics: tuple[str, ...]) -> list[Record]:
    """Two questions, answered by the old model between ticks; the log of routes as recorded."""
    asked = [Record(SCORE_REQUESTS, 0, i, 0, b"R", wire.encode(question(i))) for i in range(2)]
    answers = [out.value for out in stage("old").make_fold(0, 1).fold(asked).outputs]
    values = [wire.encode(tick_at(0)), answers[0], wire.encode(tick_at(10)), answers[1]]
    log = [Record(ROUTE_EVENTS, 0, i, 0, b"R", value) for i, value in enumerate(values)]
    with RecordingWriter(folder, 1, dict.fromkeys(topics)) as writer:
        for record in (*asked, *log):
            if record.topic in topics:
                writer.append(record)
    return log


def test_only_the_answers_change_and_each_stays_in_its_place(tmp_path: Path) -> None:
    """The same model gives the same log; another one gives its own answers at the same offsets."""
    log = record_day(tmp_path, (ROUTE_EVENTS, SCORE_REQUESTS))
    recording = open_recording(tmp_path)
    assert list(rescored(recording, stage("old")).read(ROUTE_EVENTS, 0)) == log
    again = list(rescored(recording, stage("new")).read(ROUTE_EVENTS, 0))
    assert [again[0], again[2]] == [log[0], log[2]]
    scores = [wire.decode_route_event(again[i].value or b"") for i in (1, 3)]
    assert [(s.request_id, s.model_version) for s in scores if isinstance(s, wire.Score)] == [
        ("R/0", "m-new"),
        ("R/1", "m-new"),
    ]


def test_without_questions_nothing_can_be_asked(tmp_path: Path) -> None:
    """One line says which topic is missing."""
    record_day(tmp_path, (ROUTE_EVENTS,))
    with pytest.raises(RecordingError, match=SCORE_REQUESTS):
        rescored(open_recording(tmp_path), stage("new"))
