"""The score stage: batches, explanations, a change of models by a record, a candidate beside the live one."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from threading import Event

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace

from controltower.risk.features import FEATURE_SET, FEATURES, SHARED_SET, SITUATION_FROM
from controltower.risk.fold import ScoreFold
from controltower.risk.manifest import Manifest, ModelRefusedError, Reference
from controltower.risk.models import LIVE_KEY, ModelCache, digest_of_model, load_change
from controltower.risk.population import BLOCK_ROWS, BLOCKS, ROWS_PER_COUNTED, Bins, Population
from controltower.risk.predictions import Floats, Predictions
from controltower.risk.scorer import SHIPPED_MODEL, Scorer, load_scorer
from controltower.route.timeline import from_ms
from controltower.streaming.stage import Commit, Record
from schemas import wire
from schemas.vocabulary import ModelUse, ScoreSource

NAMES = [name for name, _ in FEATURES]


class Fixed:
    """A scorer that says the same of every row."""

    source = ScoreSource.MODEL
    refused_because: str | None = None
    manifest: Manifest | None = None

    def __init__(self, version: str, p_late: float) -> None:
        self.version, self._p_late = version, p_late

    def predict(self, table: Floats, sizes: Sequence[int] | None = None) -> Predictions:
        ones = np.ones(len(table))
        return Predictions(self._p_late * ones, -60 * ones, 0 * ones, 90 * ones)

    def contributions(self, table: Floats) -> Floats:
        return np.tile(np.linspace(-1, 0.5, len(NAMES)), (len(table), 1))


MODELS: dict[str, Scorer] = {"old": Fixed("m-old", 0.5), "new": Fixed("m-new", 0.9)}


def load(change: wire.ModelChange) -> Scorer:
    """Models by their digest."""
    if change.digest not in MODELS:
        raise ModelRefusedError("no such model")
    return MODELS[change.digest]


def fold_of() -> ScoreFold:
    return ScoreFold(0, 1, MODELS["old"], ModelCache(load))


def row_of(**values: float) -> tuple[float | None, ...]:
    return tuple(values.get(name) for name in NAMES)


def question(number: int, **more: object) -> wire.ScoreRequest:
    rows = tuple(wire.ScoreRow(f"S{i}", row_of(slack_s=60.0 * i, horizon_s=600.0 + i)) for i in range(3))
    return wire.ScoreRequest(
        request_id=f"R/{number}",
        route_id="R",
        tenant="default",
        as_of=from_ms(0),
        feature_set=FEATURE_SET,
        rows=rows,
        **more,  # type: ignore[arg-type]
    )


def change(use: ModelUse, digest: str = "") -> wire.ModelChange:
    at = datetime(2026, 3, 2, tzinfo=UTC)
    return wire.ModelChange(use=use, model_version=f"m-{digest}", digest=digest, changed_at=at)


def log_of(events: Sequence[object]) -> list[Record]:
    return [Record("score-requests", 0, i, 0, None, wire.encode(event)) for i, event in enumerate(events)]


def scores_in(commit: Commit) -> list[wire.Score]:
    return [msgspec.json.decode(out.value or b"", type=wire.Score) for out in commit.outputs]


def test_a_model_takes_effect_with_its_record_however_polls_are_cut() -> None:
    """Questions before the record are answered by the old model, those after it by the new one."""
    log = log_of([question(1), question(2), change(ModelUse.LIVE, "new"), question(3)])
    expected = ["m-old", "m-old", "m-new"]
    for cut in range(len(log) + 1):
        fold = fold_of()
        said = scores_in(fold.fold(log[:cut])) + scores_in(fold.fold(log[cut:]))
        assert [score.model_version for score in said] == expected


def test_a_model_is_loaded_beside_the_fold_before_its_record() -> None:
    """Questions go on while it is loaded; the change itself waits for what is left of it, and loads nothing
    again. What cannot be loaded is refused there."""
    begun, may_end, loads = Event(), Event(), list[str]()

    def load_slowly(wanted: wire.ModelChange) -> Scorer:
        loads.append(wanted.digest)
        begun.set()
        assert may_end.wait(30)
        return load(wanted)

    fold = ScoreFold(0, 1, MODELS["old"], ModelCache(load_slowly))
    first = fold.fold(log_of([change(ModelUse.PREPARE, "new"), question(1)]))
    assert begun.wait(30)
    assert scores_in(first)[0].model_version == "m-old"
    assert not first.changes
    may_end.set()
    assert (
        scores_in(fold.fold(log_of([change(ModelUse.LIVE, "new"), question(2)])))[0].model_version == "m-new"
    )
    assert loads == ["new"]
    log = [change(ModelUse.PREPARE, "broken"), change(ModelUse.LIVE, "broken")]
    assert fold.fold(log_of(log)).tallies["models", "LIVE", "refused"] == 1


def test_a_new_owner_goes_on_with_the_model_of_the_log() -> None:
    """It stands in the changelog, so a restart does not bring the old one back."""
    first, second = fold_of(), fold_of()
    for key, value in first.fold(log_of([change(ModelUse.LIVE, "new")])).changes:
        assert (key, value is not None) == (LIVE_KEY, True)
        second.restore(key, value or b"")
    second.restored()
    assert scores_in(second.fold(log_of([question(1)])))[0].model_version == "m-new"


def test_a_model_that_cannot_be_loaded_changes_nothing() -> None:
    """The old one stays, it is counted, and the log of the process says so once."""
    lines: list[str] = []
    fold = ScoreFold(0, 1, MODELS["old"], ModelCache(load, lines.append))
    commit = fold.fold(log_of([change(ModelUse.LIVE, "broken"), question(1)]))
    assert scores_in(commit)[0].model_version == "m-old"
    assert commit.tallies["models", "LIVE", "refused"] == 1
    assert not commit.changes
    assert lines == ["model m-broken refused, the one before stays: no such model"]


def test_a_candidate_is_scored_beside_the_live_model_and_changes_no_answer() -> None:
    """Its p(late) stands in the record and in the metrics, until it is taken away."""
    log = log_of([change(ModelUse.SHADOW, "new"), question(1), change(ModelUse.NO_SHADOW), question(2)])
    commit = fold_of().fold(log)
    beside, alone = scores_in(commit)
    assert [stop.p_late for stop in beside.stops] == [stop.p_late for stop in alone.stops] == [0.5] * 3
    assert [stop.shadow_p_late for stop in beside.stops] == [0.9] * 3
    assert (beside.shadow_version, alone.shadow_version) == ("m-new", None)
    assert (commit.tallies["shadow_difference", "0.40"], commit.tallies["shadow_turned",]) == (3, 3)


def test_the_worst_stop_is_explained_only_where_it_was_asked_for() -> None:
    """Contributions cost, so they are worked out for one row and from a threshold on."""
    asked, below, not_asked = scores_in(
        fold_of().fold(log_of([question(1, explain_from=0.5), question(2, explain_from=0.6), question(3)]))
    )
    assert (asked.explained_stop, below.explanation, not_asked.explanation) == ("S0", (), ())
    assert asked.explanation[0] == wire.Contribution(NAMES[0], 0.0, -1.0)


def test_a_timetable_is_explained_where_an_arrival_far_beyond_it_is_likely() -> None:
    """As SLA_AT_RISK takes it: that it is a little late would open nothing. S0 is due when it comes."""
    asked = [question(1, explain_from=0.4, explain_beyond_s=beyond_s) for beyond_s in (0.0, 10.0, 480.0)]
    told = scores_in(fold_of().fold(log_of(asked)))
    assert [score.explained_stop for score in told] == ["S0", "S0", None]


def test_what_is_told_once_for_all_rows_counts_for_each() -> None:
    """The same questions, whole and with their situation apart, in one poll and by the shipped model."""
    whole = [
        wire.decode_score_request(wire.encode(question(number, explain_from=0.0, shift=row_of(slack_s=1.0))))
        for number in (1, 2)
    ]
    for number, asked in enumerate(whole):
        values = row_of(slip_s=700.0 * number, departed=1.0, steady_slip_s=700.0 * number)[SITUATION_FROM:]
        asked.rows = tuple(
            wire.ScoreRow(row.stop_id, row.features[:SITUATION_FROM] + values) for row in asked.rows
        )
        asked.shift = (asked.shift or ())[:SITUATION_FROM] + values
    apart = [
        replace(
            asked,
            feature_set=SHARED_SET,
            rows=tuple(wire.ScoreRow(row.stop_id, row.features[:SITUATION_FROM]) for row in asked.rows),
            shift=(asked.shift or ())[:SITUATION_FROM],
            situation=asked.rows[0].features[SITUATION_FROM:],
        )
        for asked in whole
    ]
    fold = ScoreFold(0, 1, load_scorer())
    told = scores_in(fold.fold(log_of([*whole, *apart, whole[0]])))
    assert told[:2] == told[2:4]
    assert told[0] == told[4]
    assert told[0].stops != told[1].stops


def test_a_question_with_rows_of_another_width_is_counted_and_left() -> None:
    """Nor is one without rows answered: what we did not write must not stop the partition, nor move the rows
    of other questions."""
    asked = question(1)
    short = replace(asked, rows=(wire.ScoreRow("S", asked.rows[0].features[:-1]), *asked.rows))
    others = [
        short,
        replace(asked, rows=()),
        replace(asked, feature_set=SHARED_SET),
        replace(asked, shift=row_of()[:-1]),
        replace(asked, situation=(1.0,)),
    ]
    commit = fold_of().fold(log_of([*others, asked]))
    assert [len(score.stops) for score in scores_in(commit)] == [3]
    assert commit.tallies["unknown_features",] == len(others)


def test_quantiles_count_from_the_question_and_the_shift_is_its_own_row() -> None:
    """An arrival is `as_of` plus the ETA plus what the model adds; P(done) is one minus that of the shift."""
    (score,) = scores_in(fold_of().fold(log_of([question(1, shift=row_of(slack_s=0.0, horizon_s=0.0))])))
    assert [(stop.p10_s, stop.p50_s, stop.p90_s) for stop in score.stops[:2]] == [
        (540, 600, 690),
        (541, 601, 691),
    ]
    assert score.p_shift == 0.5
    assert len(score.stops) == 3


def test_a_folder_that_was_altered_after_its_record_is_refused(tmp_path: Path) -> None:
    """The record names the digest of the manifest, which has those of the files."""
    folder = Path(shutil.copytree(SHIPPED_MODEL, tmp_path / "model"))
    at = datetime(2026, 3, 2, tzinfo=UTC)
    named = wire.ModelChange(
        use=ModelUse.LIVE, digest=digest_of_model(folder), folder=str(folder), changed_at=at
    )
    (folder / "manifest.json").write_text("{}")
    with pytest.raises(ModelRefusedError, match="altered"):
        load_change(named)


def test_stability_is_nothing_for_the_same_and_large_for_another_population() -> None:
    """0.25 and more is a shift that matters; missing values are a bin of their own."""
    learned = np.random.default_rng(1).normal(0, 1, 20_000)
    edges = tuple(np.quantile(learned, np.arange(0.1, 1, 0.1)))
    reference = Reference(edges=edges, shares=(0.1,) * 10, missing=0.0)
    fewer = Reference(edges=edges[:1], shares=(0.1, 0.9), missing=0.0)
    bins = Bins({"slack_s": reference, "stay_pace": fewer, "of another version": reference})

    def indices(values: Floats) -> list[float]:
        rows = np.full((len(values), len(NAMES)), np.nan)
        rows[:, [0, -1]] = values[:, None]
        told: list[float] = bins.indices(bins.count(rows)).tolist()
        return told

    assert bins.names == ["slack_s", "stay_pace"]
    assert max(indices(learned[:4000])) < 0.02
    assert indices(learned[:4000] + 1.0)[0] > 0.25
    assert min(indices(np.full(100, np.nan))) > 0.25


def test_values_on_an_edge_lie_above_it() -> None:
    """As when the model was trained: its shares are those below each edge in turn."""
    bins = Bins({"slack_s": Reference(edges=(1.0, 2.0), shares=(0.2, 0.3, 0.5), missing=0.0)})
    rows = np.full((6, len(NAMES)), np.nan)
    rows[:5, 0] = [0.9, 1.0, 1.9, 2.0, np.inf]
    assert bins.count(rows)[:, 0].tolist() == [1, 2, 2, 1]


def test_the_population_is_told_per_block_of_rows() -> None:
    """A batch of few rows costs nothing; without a manifest there is nothing to hold it against."""
    watched = Population()
    rows = np.zeros((BLOCK_ROWS // 2, len(NAMES)))
    assert list(watched.watch(rows, None)) == []
    manifest = Manifest.model_validate_json((SHIPPED_MODEL / "manifest.json").read_bytes())
    assert {name for name, _ in watched.watch(rows, manifest)} == set(manifest.reference)


def test_the_index_is_that_of_all_remembered_rows_together() -> None:
    """Blocks are counted one by one, and say together what their rows would; of one model only."""
    manifest = Manifest.model_validate_json((SHIPPED_MODEL / "manifest.json").read_bytes())
    tables = np.random.default_rng(2).normal(0, 300, (10, BLOCK_ROWS, len(NAMES)))
    watched = Population()
    said = [dict(watched.watch(table, manifest)) for table in tables]
    remembered = np.concatenate(list(tables[-BLOCKS:]))[::ROWS_PER_COUNTED]
    bins = Bins(manifest.reference)
    together = bins.indices(bins.count(remembered)).tolist()
    assert said[-1] == pytest.approx(dict(zip(bins.names, together, strict=True)))
    other = manifest.model_copy(update={"model_version": "another"})
    assert dict(watched.watch(tables[0], other)) == dict(Population().watch(tables[0], other))
