"""The forest says what LightGBM says, to the last bit, and leaves alone what it cannot read."""

from __future__ import annotations

from typing import Any

import lightgbm
import numpy as np
import pytest

from controltower.risk.features import FEATURES
from controltower.risk.forest import compile_forest
from controltower.risk.manifest import read_model
from controltower.risk.predictions import Floats
from controltower.risk.scorer import SHIPPED_MODEL


def table_of(rows: int, columns: int, seed: int = 1) -> Floats:
    """Values of all sizes, a tenth missing, a tenth zero, some infinite."""
    rng = np.random.default_rng(seed)
    table = rng.normal(0.0, 1.0, (rows, columns)) * 10.0 ** rng.integers(-2, 4, (rows, columns))
    for value in (np.nan, 0.0):
        table[rng.random(table.shape) < 0.1] = value
    table[rng.random(table.shape) < 0.01] = np.inf
    table[rng.random(table.shape) < 0.01] = -np.inf
    return table


def booster_of(table: Floats, objective: str, **parameters: Any) -> lightgbm.Booster:
    known = np.nan_to_num(table[:, 0], posinf=9.0, neginf=-9.0)
    wanted = (known > 0).astype(float) if objective == "binary" else known
    fixed = {"objective": objective, "verbosity": -1, "num_threads": 1, "min_data_in_leaf": 3, "seed": 1}
    return lightgbm.train({**fixed, **parameters}, lightgbm.Dataset(table, wanted), 20)


@pytest.mark.parametrize("leaves", [15, 31, 60])
def test_it_says_what_the_boosters_say(leaves: int) -> None:
    """Also at the thresholds themselves, for missing values, and behind the rows of one chunk."""
    learned = table_of(2000, 6)
    boosters = [booster_of(learned, kind, num_leaves=leaves) for kind in ("binary", "quantile")]
    forest = compile_forest(boosters, 4)
    assert forest is not None
    asked = np.concatenate([table_of(700, 6, seed=2), learned[:50]])
    for said, booster in zip(forest.predict(asked), boosters, strict=True):
        assert np.array_equal(said, booster.predict(asked, num_threads=1))


@pytest.mark.parametrize("rows", [1, 2, 9, 300])
def test_rows_of_one_moment_get_what_each_gets_alone(rows: int) -> None:
    """What they share is looked up once, whether a moment is a single row or longer than a chunk."""
    learned = table_of(2000, 6)
    boosters = [booster_of(learned, kind) for kind in ("binary", "quantile")]
    forest = compile_forest(boosters, 3)
    assert forest is not None
    asked = table_of(rows * 5, 6, seed=3)
    asked[:, 3:] = asked[::rows, 3:].repeat(rows, axis=0)
    for said, booster in zip(forest.predict(asked, [rows] * 5), boosters, strict=True):
        assert np.array_equal(said, booster.predict(asked, num_threads=1))
    assert forest.predict(asked[:1])[0] == boosters[0].predict(asked[:1], num_threads=1)


@pytest.mark.parametrize("shared_from", [0, 4])
def test_features_may_all_be_of_the_moment_or_none(shared_from: int) -> None:
    """Then there is nothing to look up of the other kind."""
    learned = table_of(500, 4)
    booster = booster_of(learned, "quantile")
    forest = compile_forest([booster], shared_from)
    assert forest is not None
    assert np.array_equal(forest.predict(learned)[0], booster.predict(learned, num_threads=1))


def test_no_rows_get_no_answers() -> None:
    """One empty answer per booster."""
    learned = table_of(500, 4)
    forest = compile_forest([booster_of(learned, kind) for kind in ("binary", "quantile")], 2)
    assert forest is not None
    assert [len(said) for said in forest.predict(learned[:0])] == [0, 0]


def test_the_shipped_model_is_answered_by_it() -> None:
    """Every booster of it, on rows that no training ever saw."""
    _, texts = read_model(SHIPPED_MODEL)
    boosters = [lightgbm.Booster(model_str=text) for text in texts.values()]
    forest = compile_forest(boosters, 4)
    assert forest is not None
    asked = table_of(600, len(FEATURES))
    for said, booster in zip(forest.predict(asked), boosters, strict=True):
        assert np.array_equal(said, booster.predict(asked, num_threads=1))


@pytest.mark.parametrize(
    "parameters",
    [
        {"num_leaves": 80},
        {"linear_tree": True},
        {"zero_as_missing": True},
        {"boosting": "rf", "bagging_freq": 1},
    ],
    ids=lambda parameters: next(iter(parameters)),
)
def test_other_trees_are_left_to_lightgbm(parameters: dict[str, Any]) -> None:
    """What the forest does not know must not be answered wrongly."""
    learned = np.nan_to_num(table_of(3000, 4), posinf=9.0, neginf=-9.0)
    more = {"bagging_fraction": 0.5} if "boosting" in parameters else {}
    assert compile_forest([booster_of(learned, "quantile", **parameters, **more)], 4) is None


def test_categories_are_left_to_lightgbm() -> None:
    """They are no thresholds."""
    learned = np.random.default_rng(1).integers(0, 9, (500, 3)).astype(float)
    data = lightgbm.Dataset(learned, np.isin(learned[:, 0], (1, 4, 7)).astype(float), categorical_feature=[0])
    booster = lightgbm.train({"objective": "binary", "verbosity": -1, "num_threads": 1}, data, 5)
    assert compile_forest([booster], 4) is None
