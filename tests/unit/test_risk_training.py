"""Training: splits that do not leak, the same bytes each time, baselines beside it, a card, an evaluation."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from agents.errors import CommandError
from agents.evaluated import evaluate_model
from controltower.risk.baselines import fit_baselines
from controltower.risk.bootstrap import bootstrap_mean
from controltower.risk.calibration import Method, fit_isotonic, fit_platt
from controltower.risk.card import CARD_HTML, CARD_MD, write_card
from controltower.risk.features import FEATURES
from controltower.risk.history import History, HistoryError
from controltower.risk.judging import HORIZONS_MIN, judge, rows_before_arrival
from controltower.risk.manifest import ModelRefusedError
from controltower.risk.measures import auc, calibration_error
from controltower.risk.plots import PLOTS
from controltower.risk.publishing import references_of, write_model
from controltower.risk.recipe import spaced
from controltower.risk.scorer import load_model_scorer
from controltower.risk.training import Trained, train

NAMES = [name for name, _ in FEATURES]
_HOUR_MS = 3_600_000


def make_history(days: int, routes: int, seed: int = 1, *, drift: float = 1.0) -> History:
    """Vehicles that lose `drift` times their pace per hour from now on; asked every 5 min about 4 stops."""
    rng = np.random.default_rng(seed)
    rows: list[dict[str, float]] = []
    other: list[tuple[float, float, int, int, int, int]] = []
    for route in range(days * routes):
        start_ms = (route // routes) * 24 * _HOUR_MS + 8 * _HOUR_MS
        pace, slip = rng.normal(300, 300), rng.normal(0, 120)
        for minute in range(0, 90, 5):
            for stop in range(4):
                planned = 900.0 * (stop + 1) + 1200 - minute * 60
                if planned <= 0:
                    continue
                slip_now = slip + pace * minute / 60
                horizon = max(0.0, planned + slip_now * np.exp(-max(0, planned + slip_now) / 3600))
                error = planned + slip_now + drift * pace * planned / 3600 - horizon + rng.normal(0, 40)
                slack = 600.0 - (horizon - planned)
                known = {"slack_s": slack, "planned_s": planned, "horizon_s": horizon, "slip_s": slip_now}
                rows.append({**known, "pace_s": pace, "shift_end": 0.0, "hour": 8.0, "stops_between": stop})
                late = float(horizon + error > planned + 600)
                other.append((error, late, start_ms + minute * 60_000, route, 0, stop))
    features = np.array([[row.get(name, np.nan) for name in NAMES] for row in rows])
    error_s, late, as_of_ms, route_of, place, stop_of = map(np.array, zip(*other, strict=True))
    names = np.array([f"R{route}" for route in range(days * routes)])
    none = np.array([], dtype=np.int64)
    return History(
        "gtfs", features, error_s, late, as_of_ms.astype(np.int64), route_of, place, stop_of,
        names, np.array([f"B{route // 2}" for route in range(len(names))]), np.array(["c"] * len(names)),
        none, none, np.array([], dtype=np.str_), np.array([]), none,
    )  # fmt: skip


@pytest.fixture(scope="module")
def trained() -> Trained:
    """A model of six days."""
    return train(make_history(6, 12))


@pytest.fixture(scope="module")
def folder(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its folder, with the card."""
    out = tmp_path_factory.mktemp("model")
    judgement = judge(trained.judged, trained.said, trained.baseline_etas, trained.baseline_p_late)
    write_card(out, write_model(out, trained, make_history(6, 12), judgement), trained, judgement)
    return out


def test_it_learns_what_no_baseline_knows_and_says_who_is_better(trained: Trained) -> None:
    """A pace that goes on is in the rows; the later days judge, with all baselines beside it."""
    judgement = judge(trained.judged, trained.said, trained.baseline_etas, trained.baseline_p_late)
    assert judgement.beaten_by is None
    assert set(judgement.held_out) == {
        "model", "schedule", "slip persists", "slip fades", "median of the leg", "logistic regression",
    }  # fmt: skip
    error = {who: values.get("mae_30_min_s") for who, values in judgement.held_out.items()}
    assert (error["model"] or 0) < (error["slip persists"] or 0)


def test_later_days_judge(trained: Trained) -> None:
    """The last fifth of the days, whole."""
    assert set(np.unique(trained.judged.as_of_ms // (24 * _HOUR_MS))) == {4, 5}


def test_what_ships_has_learned_from_all_days(trained: Trained) -> None:
    """The first tree has drawn its 70 % from all rows, not from the 60 % of the days that are judged with."""
    first = trained.fitted.boosters["late"].dump_model()["tree_info"][0]["tree_structure"]
    rows = len(spaced(make_history(6, 12)))
    assert first["internal_count"] > 0.65 * rows


def test_the_same_history_gives_the_same_bytes(folder: Path, tmp_path: Path, trained: Trained) -> None:
    """Boosters and canaries are the same to the bit when trained again."""
    history = make_history(6, 12)
    again = train(history)
    judgement = judge(again.judged, again.said, again.baseline_etas, again.baseline_p_late)
    write_model(tmp_path, again, history, judgement)
    for file in ("late.txt", "p10.txt", "p50.txt", "p90.txt", "manifest.json"):
        assert (tmp_path / file).read_bytes() == (folder / file).read_bytes()


def test_a_single_day_is_cross_fitted_and_a_model_that_loses_says_so() -> None:
    """Where nothing can be learned beyond a slip that persists, a baseline wins and the rule stands in."""
    one = train(make_history(1, 24, drift=0.0))
    assert one.split.startswith("by block")
    assert np.isfinite(one.said.p50_s).all()
    lost = judge(one.judged, one.said._replace(p50_s=one.said.p50_s + 900), one.baseline_etas, {})
    assert lost.beaten_by is not None


def test_too_little_history_is_one_line() -> None:
    """Two vehicles of one day are no history."""
    with pytest.raises(HistoryError, match="fewer than 3 vehicles"):
        train(make_history(1, 4))


def test_the_card_has_its_plots_and_its_limits(folder: Path) -> None:
    """Markdown and HTML say the same, with seven pictures and what it is not good for."""
    for name in (CARD_MD, CARD_HTML):
        text = (folder / name).read_text()
        assert "What it is not good for" in text
        assert "beat every baseline" in text
        for plot in PLOTS:
            assert plot.file in text
            assert (folder / plot.file).stat().st_size > 1000


def test_a_model_that_a_baseline_beat_can_still_be_looked_at(folder: Path, tmp_path: Path) -> None:
    """Serving refuses it; evaluating does not."""
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    manifest = json.loads((tmp_path / "manifest.json").read_text()) | {"beaten_by": "schedule"}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ModelRefusedError, match="schedule was better"):
        load_model_scorer(tmp_path)
    assert load_model_scorer(tmp_path, though_beaten=True).manifest is not None


def test_an_evaluation_has_every_measure(folder: Path, tmp_path: Path) -> None:
    """New vehicles of the same kind: one table, judged as it is; its own ones: told, and judged anew."""
    unseen = make_history(2, 12, seed=9)
    renamed = History(
        **{**{name: getattr(unseen, name) for name in History.__slots__}, "block": unseen.block + "x"}
    )
    renamed.save(tmp_path / "h.npz")
    text = "\n".join(evaluate_model(folder, tmp_path / "h.npz"))
    for part in ("Brier", "log loss", "AUC", "calibration error", "80 % interval", "15 to 60", "lead time"):
        assert part in text
    assert "the same recipe" not in text
    make_history(6, 12).save(tmp_path / "own.npz")
    again = "\n".join(evaluate_model(folder, tmp_path / "own.npz"))
    assert "it has learned from 100 % of these blocks" in again
    assert "the same recipe" in again


def test_a_wrong_model_or_history_is_one_line(tmp_path: Path) -> None:
    """No traceback for a folder that is none."""
    make_history(1, 6).save(tmp_path / "h.npz")
    for folder, history in ((tmp_path / "none", tmp_path / "h.npz"), (tmp_path, tmp_path / "none.npz")):
        with pytest.raises(CommandError):
            list(evaluate_model(folder, history))


def test_a_horizon_takes_each_stop_once_at_its_nearest_question() -> None:
    """Of the questions about a stop the one nearest to so many minutes before the arrival."""
    history = make_history(1, 6)
    for minutes in HORIZONS_MIN:
        rows = rows_before_arrival(history, minutes)
        pairs = list(zip(history.route[rows], history.stop[rows], strict=True))
        assert len(set(pairs)) == len(pairs)
        actual = history.column("horizon_s")[rows] + history.error_s[rows]
        assert (np.abs(actual - minutes * 60) <= 150.0).all()


def test_the_median_of_a_leg_counts_from_three_trips_on() -> None:
    """Fewer trips fall back to the median of all legs."""
    history = make_history(1, 6)
    legs = {
        "leg_route": np.array([0, 1, 2, 3]),
        "leg_stop": np.array([1, 1, 1, 1]),
        "leg": np.array(["a>b", "a>b", "a>b", "x>y"]),
        "leg_gain_s": np.array([10.0, 20.0, 90.0, 500.0]),
        "leg_ends_ms": np.array([0, 0, 0, 0]),
    }
    fields = {name: getattr(history, name) for name in History.__slots__} | legs
    fitted = fit_baselines(History(**fields))
    assert fitted.leg_s == {"a>b": 20.0}
    assert fitted.any_leg_s == 55.0


def test_measures_are_those_of_the_textbook() -> None:
    """AUC counts pairs, ties half; the calibration error is the distance of said and true shares."""
    p, y = np.array([0.1, 0.4, 0.4, 0.8]), np.array([0.0, 0.0, 1.0, 1.0])
    assert auc(p, y) == pytest.approx(3.5 / 4)
    assert calibration_error(np.full(10, 0.3), np.repeat([0.0, 1.0], 5)) == pytest.approx(0.2)
    both = bootstrap_mean(np.array([1.0, 1.0, 3.0, 3.0]), np.array([0, 0, 1, 1]))
    assert (both.value, both.low, both.high) == (2.0, 1.0, 3.0)


def test_calibration_never_falls_and_mends_what_is_said() -> None:
    """Both kinds turn a probability that is said twice too high into one that comes true."""
    rng = np.random.default_rng(2)
    said = rng.uniform(0, 1, 4000)
    late = (rng.uniform(0, 1, 4000) < said / 2).astype(float)
    for method, curve in ((Method.PLATT, fit_platt(said, late)), (Method.ISOTONIC, fit_isotonic(said, late))):
        assert curve.method is method
        assert (np.diff(curve.apply(np.linspace(0, 1, 50))) >= 0).all()
        assert calibration_error(curve.apply(said), late) < 0.05


def test_reference_shares_add_up() -> None:
    """Each feature's shares, and what is missing, are all of its rows."""
    for reference in references_of(make_history(1, 6)).values():
        assert sum(reference.shares) + reference.missing == pytest.approx(1.0, abs=1e-3)
        assert len(reference.shares) == len(reference.edges) + 1
