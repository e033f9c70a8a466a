"""From a history to a model: split, fit, calibrate, judge, and fit again on everything.

A history of days is split by time: the first 60 % of its days to learn from, the next 20 % to stop on and to
calibrate, the last 20 % to judge by. What ships has learned from all days, as many trees as were best, and is
calibrated on what the judged boosters say to all but the first 60 %. A history of a
single day is cross-fitted by block in 5 folds: each block is answered by boosters that have not seen it, and
by a fit on all of them at the end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from controltower.risk.baselines import Baselines, fit_baselines
from controltower.risk.calibration import Calibration
from controltower.risk.delay_model import DelayModel, stretched
from controltower.risk.history import Floats, History, HistoryError
from controltower.risk.manifest import Spread
from controltower.risk.predictions import Predictions
from controltower.risk.recipe import MOST_ROUNDS, Fitted, calibrate, fit, spaced

FOLDS = 5
_DAY_MS = 86_400_000
_LEAST_DAYS = 3
_LEAST_BLOCKS = 3

Step = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Trained:
    """A model and how it was judged: `judged` are rows that nothing which answered them has learned from,
    with what was answered and what the baselines say."""

    model: DelayModel
    fitted: Fitted
    split: str
    judged: History
    said: Predictions
    baseline_etas: dict[str, Floats]
    baseline_p_late: dict[str, Floats]


def train(history: History, step: Step = lambda what: None) -> Trained:
    """Train on a history. `step` hears what is being done. Raises HistoryError on one that is too small."""
    history = spaced(history)
    days = np.unique(days_of(history))
    if len(days) >= _LEAST_DAYS:
        return _train_by_time(history, days, step)
    if len(np.unique(history.blocks())) < _LEAST_BLOCKS:
        raise HistoryError(
            f"the history has {len(days)} days and fewer than {_LEAST_BLOCKS} vehicles",
            "build one of 3 days or of 3 vehicles at least",
        )
    return _train_by_block(history, step)


STEPS = 4


def days_of(history: History) -> NDArray[np.int64]:
    """The day of each row: that of its route's first question, so that no route is split."""
    first = np.full(len(history.route_id), np.iinfo(np.int64).max)
    np.minimum.at(first, history.route, history.as_of_ms)
    return np.asarray((first // _DAY_MS)[history.route])


def _train_by_time(history: History, days: NDArray[np.int64], step: Step) -> Trained:
    row_days = days_of(history)
    stop_at = days[max(1, len(days) * 6 // 10)]
    judge_at = days[max(2, len(days) * 8 // 10)]
    parts = (row_days < stop_at, (row_days >= stop_at) & (row_days < judge_at), row_days >= judge_at)
    learn, stop, judged = (_routes_of(history, part) for part in parts)
    step("learning from the first days, stopping on later ones")
    fitted = fit(learn, stop)
    step("judging by the last days")
    calibration, spread = calibrate(fitted.raw().predict(stop.features), stop)
    said = fitted.model(calibration, spread).predict(judged.features)
    baselines = fit_baselines(_routes_of(history, ~parts[2]))
    step("learning again from all days")
    final = fit(history, None, fitted.rounds)
    model = final.model(*_calibrate_again(fitted, _routes_of(history, ~parts[0])))
    step("done")
    return Trained(model, final, "by time", judged, said, baselines.etas(judged), baselines.p_late(judged))


def _calibrate_again(fitted: Fitted, later: History) -> tuple[Calibration, Spread]:
    """Once it is judged, on all days that it has not learned from: those it stopped on flatter it."""
    return calibrate(fitted.raw().predict(later.features), later)


def _routes_of(history: History, rows: NDArray[np.bool_]) -> History:
    chosen = np.zeros(len(history.route_id), dtype=np.bool_)
    chosen[history.route[rows]] = True
    return history.of_routes(chosen)


def _train_by_block(history: History, step: Step) -> Trained:
    step("learning from all blocks but a fifth, in turn")
    crossed = cross_fit(history)
    step("calibrating")
    step("learning from all blocks")
    fitted = fit(history, None, crossed.rounds)
    model = fitted.model(crossed.calibration, crossed.spread)
    step("done")
    return Trained(
        model,
        fitted,
        f"by block, {FOLDS} folds",
        history,
        crossed.said,
        crossed.baseline_etas,
        crossed.baseline_p_late,
    )


@dataclass(frozen=True, slots=True)
class Crossed:
    """Every row answered by what has not seen its block."""

    said: Predictions
    baseline_etas: dict[str, Floats]
    baseline_p_late: dict[str, Floats]
    rounds: dict[str, int]
    calibration: Calibration
    spread: Spread


def cross_fit(history: History) -> Crossed:
    """Each fold's calibration comes from the other folds too: nothing is fitted on what it answers."""
    of_route = folds_of(history)
    fold, rounds = of_route[history.route], _find_rounds(history, of_route)
    raw = np.zeros((4, len(history)))
    etas: dict[str, Floats] = {}
    p_late: dict[str, Floats] = {}
    for k in range(FOLDS):
        learn, answer = _routes_of(history, fold != k), fold == k
        if not answer.any():
            continue
        here = history.of_rows(answer)
        raw[:, answer] = np.vstack(fit(learn, None, rounds).raw().predict(here.features))
        _take(etas, p_late, fit_baselines(learn), here, answer)
    said = np.empty_like(raw)
    for k in range(FOLDS):
        others, answer = fold != k, fold == k
        calibration, spread = calibrate(Predictions(*raw[:, others]), history.of_rows(others))
        said[:, answer] = np.vstack(stretched(Predictions(*raw[:, answer]), calibration, spread))
    final = calibrate(Predictions(*raw), history)
    return Crossed(Predictions(*said), etas, p_late, rounds, *final)


def cross_baselines(history: History) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """ETAs and p(late) of the baselines, each block answered by those fitted on the others."""
    fold = folds_of(history)[history.route]
    etas: dict[str, Floats] = {}
    p_late: dict[str, Floats] = {}
    for k in range(FOLDS):
        if (fold == k).any():
            _take(
                etas,
                p_late,
                fit_baselines(_routes_of(history, fold != k)),
                history.of_rows(fold == k),
                fold == k,
            )
    return etas, p_late


def _find_rounds(history: History, fold: NDArray[np.int64]) -> dict[str, int]:
    """By early stopping on the blocks that start last, of a fit on those that start first. The median takes
    all of its rounds: a few blocks are too few to stop it by, and too early costs more than too late."""
    first = np.full(len(history.route_id), np.iinfo(np.int64).max)
    np.minimum.at(first, history.route, history.as_of_ms)
    first = np.where(first == first.max(), 0, first)
    later = int(np.argmax([first[fold == k].mean() if (fold == k).any() else 0 for k in range(FOLDS)]))
    rows = fold[history.route] == later
    found = fit(_routes_of(history, ~rows), _routes_of(history, rows)).rounds
    return {**found, "p50": MOST_ROUNDS["p50"]}


def _take(
    etas: dict[str, Floats],
    p_late: dict[str, Floats],
    baselines: Baselines,
    here: History,
    answer: NDArray[np.bool_],
) -> None:
    for into, found in ((etas, baselines.etas(here)), (p_late, baselines.p_late(here))):
        for name, values in found.items():
            into.setdefault(name, np.full(len(answer), np.nan))[answer] = values


def folds_of(history: History) -> NDArray[np.int64]:
    """The fold of each route: whole blocks, dealt out by their number of rows, the largest first."""
    names, rows = np.unique(history.blocks(), return_counts=True)
    load, fold = np.zeros(FOLDS), {}
    for index in np.lexsort((names, -rows)):
        lightest = int(np.argmin(load))
        fold[str(names[index])], load[lightest] = lightest, load[lightest] + rows[index]
    return np.array([fold.get(str(block), 0) for block in history.block], dtype=np.int64)
