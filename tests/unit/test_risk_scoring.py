"""Scores come from a model that matches its manifest, else from the rule, which says why."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controltower.risk import fallback
from controltower.risk.features import FEATURE_SET, FEATURES
from controltower.risk.fold import ScoreFold
from controltower.risk.manifest import digest_of
from controltower.risk.predictions import Floats, to_table
from controltower.risk.scorer import SHIPPED_MODEL, RuleScorer, Scorer, load_scorer
from controltower.route.timeline import from_ms
from controltower.streaming.stage import Record
from schemas import wire
from schemas.vocabulary import ScoreSource

NAMES = [name for name, _ in FEATURES]


def row_of(**values: float) -> tuple[float | None, ...]:
    """A row of features; what is not named is missing."""
    return tuple(values.get(name) for name in NAMES)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A copy of the shipped model."""
    return Path(shutil.copytree(SHIPPED_MODEL, tmp_path / "model"))


def table_of(*rows: tuple[float | None, ...]) -> Floats:
    """Rows as a scorer takes them."""
    return to_table(rows)


def test_the_shipped_model_is_used() -> None:
    """The package carries a model that loads, and it beats every baseline of its manifest."""
    scorer = load_scorer()
    assert (scorer.source, scorer.refused_because) == (ScoreSource.MODEL, None)
    held_out = json.loads((SHIPPED_MODEL / "manifest.json").read_text())["held_out"]
    others = [values["brier"] for who, values in held_out.items() if who != "model" and "brier" in values]
    assert len(others) == 5
    assert held_out["model"]["brier"] < min(others)


def test_less_slack_is_never_less_risk() -> None:
    """The model is monotone in the slack."""
    slacks = range(-1800, 1801, 60)
    rows = [row_of(slack_s=s, slip_s=600, horizon_s=1200, stops_left=20, shift_end=0) for s in slacks]
    answers = load_scorer().predict(table_of(*rows)).p_late.tolist()
    assert answers == sorted(answers, reverse=True)
    assert answers[0] > 0.8 > 0.2 > answers[-1]


def test_a_row_scores_the_same_alone_and_in_a_batch() -> None:
    """Answers do not depend on what else is in the batch."""
    scorer = load_scorer()
    rows = [row_of(slack_s=s, horizon_s=900.0, stops_between=3) for s in range(-600, 600, 100)]
    together = scorer.predict(table_of(*rows))
    alone = [scorer.predict(table_of(row)) for row in rows]
    for name, values in together._asdict().items():
        assert values.tolist() == [getattr(one, name)[0] for one in alone]


@pytest.mark.parametrize("damage", ["late.txt", "p50.txt"])
def test_a_flipped_bit_is_refused_and_the_rule_stands_in(model: Path, damage: str) -> None:
    """A model that does not match its hash is not loaded; scores go on and say so."""
    data = bytearray((model / damage).read_bytes())
    data[len(data) // 2] ^= 1
    (model / damage).write_bytes(data)
    scorer = load_scorer(model)
    assert scorer.source is ScoreSource.RULE_MODEL_REFUSED
    assert scorer.refused_because == f"{damage} does not match the sha256 of its manifest"
    said = scorer.predict(table_of(row_of(slack_s=0.0, horizon_s=600.0)))
    assert said.p_late.tolist() == [0.5]
    assert said.p10_s[0] < said.p50_s[0] == 0.0 < said.p90_s[0]


def rewritten(model: Path, file: str, text: str) -> None:
    """Put a text into the model and its digest into the manifest: a fault that only a trial can find."""
    manifest = json.loads((model / "manifest.json").read_text())
    manifest["files"][file] = digest_of(text.encode())
    (model / "manifest.json").write_text(json.dumps(manifest))
    (model / file).write_text(text)


def test_a_text_that_takes_the_parser_down_ends_the_child_only(model: Path) -> None:
    """A truncated booster with a matching digest is tried in a child process, whose end is one line."""
    text = (model / "late.txt").read_text()
    rewritten(model, "late.txt", text[: len(text) // 2])
    scorer = load_scorer(model)
    assert scorer.source is ScoreSource.RULE_MODEL_REFUSED
    assert "\n" not in str(scorer.refused_because)


def test_a_model_that_answers_differently_is_refused_by_its_canaries(model: Path) -> None:
    """A whole booster that is not the one the manifest was written for gives itself away."""
    rewritten(model, "p90.txt", (model / "p10.txt").read_text())
    assert str(load_scorer(model).refused_because).startswith("canary")


def test_a_model_that_a_baseline_beats_is_not_used(model: Path) -> None:
    """Training may end with the verdict that the rule stands in."""
    manifest = json.loads((model / "manifest.json").read_text())
    manifest["beaten_by"] = "slip fades"
    (model / "manifest.json").write_text(json.dumps(manifest))
    assert str(load_scorer(model).refused_because) == "model: slip fades was better on the held-out period"


def test_contributions_are_per_feature_and_point_the_right_way() -> None:
    """Little slack adds to the risk, much takes from it."""
    scorer = load_scorer()
    shares = scorer.contributions(table_of(row_of(slack_s=-900.0), row_of(slack_s=3600.0)))
    assert shares.shape == (2, len(NAMES))
    assert shares[0, NAMES.index("slack_s")] > 0 > shares[1, NAMES.index("slack_s")]


@pytest.fixture(scope="module")
def shipped() -> Scorer:
    """The shipped model, loaded once."""
    return load_scorer()


@settings(deadline=None)
@given(slack=st.floats(-3600, 3600), horizon=st.floats(0, 7200), slip=st.floats(-1200, 3600))
def test_quantiles_do_not_cross_and_no_arrival_is_past(
    shipped: Scorer, slack: float, horizon: float, slip: float
) -> None:
    """p10 <= p50 <= p90, none before now, and a probability in [0, 1]."""
    said = shipped.predict(table_of(row_of(slack_s=slack, horizon_s=horizon, slip_s=slip)))
    assert -horizon <= said.p10_s[0] <= said.p50_s[0] <= said.p90_s[0]
    assert 0 <= said.p_late[0] <= 1


def test_a_model_of_other_features_is_refused(model: Path) -> None:
    """The feature list is part of the contract with the model."""
    manifest = json.loads((model / "manifest.json").read_text())
    manifest["features"] = manifest["features"][:-1]
    (model / "manifest.json").write_text(json.dumps(manifest))
    assert "features" in str(load_scorer(model).refused_because)


@pytest.mark.parametrize("broken", ["{", "{}"])
def test_a_broken_manifest_is_refused_with_the_field(model: Path, broken: str) -> None:
    """The reason names the file."""
    (model / "manifest.json").write_text(broken)
    assert str(load_scorer(model).refused_because).startswith("manifest.json")


def test_no_model_at_all_is_the_rule(tmp_path: Path) -> None:
    """A folder that is not there is told apart from one that is refused."""
    assert load_scorer(tmp_path / "none").source is ScoreSource.RULE_NO_MODEL


@given(st.floats(-7200, 7200), st.floats(0, 14_400), st.floats(0, 3600))
def test_the_rule_is_a_probability_that_falls_with_slack(slack: float, horizon: float, more: float) -> None:
    """1 - Phi(slack / sigma) lies in [0, 1] and never rises with the slack."""
    rows = [row_of(slack_s=slack + extra, horizon_s=horizon) for extra in (more, 0.0)]
    relaxed, tight = fallback.predict(to_table(rows)).p_late.tolist()
    assert 0 <= relaxed <= tight <= 1


def question(number: int, rows: int, feature_set: str = FEATURE_SET) -> Record:
    """A score request as it stands on the topic."""
    request = wire.ScoreRequest(
        request_id=f"R/{number}",
        route_id=f"R{number}",
        tenant="default",
        as_of=from_ms(0),
        feature_set=feature_set,
        rows=tuple(wire.ScoreRow(f"S{i}", row_of(slack_s=60.0 * i, horizon_s=600.0)) for i in range(rows)),
    )
    return Record("score-requests", 2, number, 0, None, wire.encode(request))


def test_each_question_gets_one_answer_in_its_routes_log() -> None:
    """Answers keep the order of the questions and go to the same partition of route-events."""
    garbage = Record("score-requests", 2, 4, 0, None, b"\xff")
    fold = ScoreFold(2, 4, RuleScorer(ScoreSource.RULE_NO_MODEL, "none"))
    commit = fold.fold([question(1, 2), question(2, 3), question(3, 1, "other/9"), garbage])
    answers = [wire.decode_route_event(out.value or b"") for out in commit.outputs]
    assert [(out.topic, out.partition) for out in commit.outputs] == [("route-events", 2)] * 2
    assert [[s.stop_id for s in a.stops] for a in answers if isinstance(a, wire.Score)] == [
        ["S0", "S1"],
        ["S0", "S1", "S2"],
    ]
    expected = {
        ("model", "rule/1"): 2,
        ("score", "RULE_NO_MODEL"): 2,
        ("rows",): 5,
        ("unknown_features",): 1,
        ("unreadable",): 1,
    }
    assert commit.tallies == expected
