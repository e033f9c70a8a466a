"""Line hauls through all stages: what is published is what the model says of the same rows of a table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import pytest

from agents.app import build_offline_stages
from controltower.clock import epoch_ms_of
from controltower.offline.pipeline import Pipeline, SteppedClock
from controltower.offline.recording import RecordingWriter, open_recording
from controltower.offline.relive import relive
from controltower.offline.rescore import rescored
from controltower.offline.verify.verify import Verification
from controltower.risk.linehaul.features import Stage, feature_table
from controltower.risk.linehaul.moments import cut, examples_of
from controltower.risk.linehaul.publishing import load_served, split, train_line_haul
from controltower.risk.linehaul.serving import milestones_of
from controltower.risk.linehaul.table import Floats, Milestones, read_milestones
from controltower.settings import Settings, load_settings
from controltower.streaming.stage import Record
from schemas import wire
from schemas.topics import BY_NAME, SCORE_REQUESTS, SHIPMENT_EVENTS, SHIPMENT_STATUS
from schemas.vocabulary import HaulEnd, HaulScoreSource, HaulStage
from tests.unit.haul_windows import STARTS_AT, haul_windows, learned, shipment_id_of
from tests.unit.test_offline_verify import Found

CARGO = Path(__file__).parents[2] / ".." / "shared" / "data" / "cargo2000"
PARTITIONS = 2
_SERVED = [Stage(stage.value) for stage in HaulStage]


class Day(NamedTuple):
    """A table, the folder of a model that has learned from it, and all records of its replay."""

    table: Milestones
    model: Path
    records: list[Record]


def replay(table: Milestones, model: Path | None) -> list[Record]:
    settings = Settings(haul_model_dir=model)
    clock = SteppedClock()
    pipeline = Pipeline(build_offline_stages(settings, clock.now_ms), PARTITIONS, clock)
    return list(pipeline.run_windows(haul_windows(table, PARTITIONS)))


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Day:
    folder = tmp_path_factory.mktemp("hauls")
    table, model = learned(folder)
    table = table.of_rows(slice(12))
    return Day(table, model, replay(table, model))


def read(records: list[Record], topic: str, kind: type[msgspec.Struct]) -> Iterator[object]:
    """The records of one schema on a topic."""
    for record in records:
        found = wire.decode_any(record.value) if record.topic == topic and record.value else None
        if isinstance(found, kind):
            yield found


def questions(records: list[Record]) -> list[wire.HaulRequest]:
    """The last of those about one shipment at one moment: two of its scans may be received in it."""
    last = {(found.shipment_id, found.as_of): found for found in _asked(records)}
    return list(last.values())


def _asked(records: list[Record]) -> Iterator[wire.HaulRequest]:
    return (
        found
        for found in read(records, SCORE_REQUESTS, wire.HaulRequest)
        if isinstance(found, wire.HaulRequest)
    )


def answers(records: list[Record]) -> dict[str, wire.HaulScore]:
    found = read(records, SHIPMENT_EVENTS, wire.HaulScore)
    return {score.request_id: score for score in found if isinstance(score, wire.HaulScore)}


def statuses(records: list[Record]) -> dict[str, list[wire.ShipmentStatus]]:
    told: defaultdict[str, list[wire.ShipmentStatus]] = defaultdict(list)
    for status in read(records, SHIPMENT_STATUS, wire.ShipmentStatus):
        if isinstance(status, wire.ShipmentStatus):
            told[status.shipment_id].append(status)
    return told


def known_then(table: Milestones, asked: list[wire.HaulRequest]) -> Milestones:
    """What history building makes of the table at the moments of these questions."""
    row_of = {shipment_id_of(row): row for row in range(len(table))}
    rows = np.array([row_of[question.shipment_id] for question in asked])
    starts_ms = epoch_ms_of(STARTS_AT)
    at_min = [(epoch_ms_of(question.as_of) - starts_ms) / 60_000 for question in asked]
    return cut(table.of_rows(rows), np.array(at_min))


def test_history_and_serving_make_the_same_numbers(day: Day) -> None:
    """The log of all stages and the table behind it: every feature of every question is the same number."""
    for stage in HaulStage:
        asked = [question for question in questions(day.records) if question.stage is stage]
        assert asked, stage
        served = feature_table(milestones_of(asked), Stage(stage.value))
        np.testing.assert_array_equal(served, feature_table(known_then(day.table, asked), Stage(stage.value)))


def test_training_looks_at_the_moments_at_which_the_stream_asks(day: Day) -> None:
    """Each row that the model for moments under way learns from is one that the stream asks about."""
    assert rows_learned(day.table) <= rows_asked(day.records)


def test_a_scan_that_never_came_is_waited_for_in_training_too(day: Day) -> None:
    """The departure of the first leg was not scanned: both look again when it is overdue."""
    table = day.table.of_rows(np.arange(4))
    table.effective[:, 0, 1] = np.nan
    assert rows_learned(table) <= rows_asked(replay(table, None))


def rows_learned(table: Milestones) -> set[bytes]:
    rows = feature_table(examples_of(table, Stage.UNDERWAY).known, Stage.UNDERWAY)
    return {row.tobytes() for row in rows}


def rows_asked(records: list[Record]) -> set[bytes]:
    rows = feature_table(milestones_of(questions(records)), Stage.UNDERWAY)
    return {row.tobytes() for row in rows}


def test_what_is_published_is_what_the_model_says(day: Day) -> None:
    """At the plan alone and after the inbound DLV: p(late) of each row of the table, by its version."""
    version, models = load_served(day.model, _SERVED)
    told = statuses(day.records)
    for stage in (Stage.PLAN, Stage.INBOUND):
        said = models[stage].predict(day.table)
        for question in questions(day.records):
            if question.stage.value == stage.value:
                wanted = said[int(question.shipment_id.removeprefix("row-"))]
                found = [s for s in told[question.shipment_id] if s.scored_at == question.as_of]
                assert found[-1].p_late == pytest.approx(wanted, abs=1e-6)
                assert found[-1].model_version == version


def test_a_shipment_alone_is_answered_as_in_a_batch(day: Day) -> None:
    """To the last bit, whatever else is asked in the same poll."""
    _, models = load_served(day.model, _SERVED)
    asked = questions(day.records)
    for stage in _SERVED:
        batch = models[stage].predict(milestones_of(asked))
        alone = np.concatenate([models[stage].predict(milestones_of([question])) for question in asked])
        assert alone.tobytes() == batch.tobytes()


def test_every_question_is_answered_and_the_outcome_is_the_tables(day: Day) -> None:
    """One answer each; at the end the status says what the label of the table says."""
    assert {question.request_id for question in _asked(day.records)} == set(answers(day.records))
    for row, late in enumerate(day.table.late()):
        last = statuses(day.records)[shipment_id_of(row)][-1]
        assert (last.ended_because, last.missed) == (HaulEnd.ARRIVED, bool(late))


def test_without_a_model_the_probability_is_missing_and_says_so(day: Day) -> None:
    """No rule stands in: null, and why."""
    records = replay(day.table.of_rows(slice(2)), None)
    found = answers(records).values()
    assert {(score.p_late, score.scored_by) for score in found} == {(None, HaulScoreSource.NO_MODEL)}
    assert all(status.p_late is None for told in statuses(records).values() for status in told)


def test_verify_and_replay_agree(day: Day, tmp_path: Path) -> None:
    """A recording folds to the same statuses without a model, and verify finds nothing."""
    places: dict[tuple[str, int], list[Record]] = {}
    for record in day.records:
        places.setdefault((record.topic, record.partition), []).append(record)
    stages = build_offline_stages(load_settings({}), lambda: 0)
    assert [check for check in Verification(Found(places), stages).run() if check.difference] == []
    with RecordingWriter(tmp_path, PARTITIONS, dict.fromkeys(BY_NAME)) as writer:
        for record in day.records:
            writer.append(record)
    again = relive(open_recording(tmp_path), lambda now_ms: build_offline_stages(load_settings({}), now_ms))
    told = sorted(out.value or b"" for out in again if out.topic == SHIPMENT_STATUS)
    assert told == sorted(r.value for r in day.records if r.topic == SHIPMENT_STATUS and r.value)


def test_rescoring_asks_the_model_at_hand(day: Day, tmp_path: Path) -> None:
    """The same model gives the same log; without one the recorded answers stay."""
    with RecordingWriter(tmp_path, PARTITIONS, dict.fromkeys((SHIPMENT_EVENTS, SCORE_REQUESTS))) as writer:
        for record in day.records:
            if record.topic in (SHIPMENT_EVENTS, SCORE_REQUESTS):
                writer.append(record)
    log = [r for r in day.records if (r.topic, r.partition) == (SHIPMENT_EVENTS, 0)]
    for model in (day.model, None):
        settings = Settings(haul_model_dir=model)
        score = next(s for s in build_offline_stages(settings, lambda: 0) if s.name == "score")
        recording = rescored(open_recording(tmp_path), score)
        assert list(recording.read(SHIPMENT_EVENTS, 0)) == log
        assert bool(recording.kept) is (model is None)


@pytest.mark.skipif(not CARGO.is_dir(), reason="../shared/data/cargo2000 is not here")
def test_cargo_2000_is_published_as_evaluate_predicts_it(tmp_path: Path) -> None:
    """Some of the shipments that are held out: the stream publishes what the model says of their rows."""
    learn, judged = split(read_milestones(CARGO))
    train_line_haul(learn.of_rows(slice(400)), tmp_path / "model", lambda: None)
    _, models = load_served(tmp_path / "model", _SERVED)
    table = judged.of_rows(_short(judged, 12))
    records = replay(table, tmp_path / "model")
    found = answers(records)
    asked = questions(records)
    for stage in (HaulStage.PLAN, HaulStage.INBOUND):
        said = models[Stage(stage.value)].predict(table)
        of_stage = [question for question in asked if question.stage is stage]
        published = [found[question.request_id].p_late or 0.0 for question in of_stage]
        rows = [int(question.shipment_id.removeprefix("row-")) for question in of_stage]
        np.testing.assert_allclose(published, said[rows], atol=1e-6)
        assert len(rows) > 9


def _short(table: Milestones, most: int) -> np.ndarray:  # type: ignore[type-arg]
    """Shipments that took less than ten days: the replay of a longer one is mostly empty time."""
    minutes: Floats = np.nansum(table.effective, axis=(1, 2))
    return np.flatnonzero(minutes < 14_400)[:most]
