"""What `evaluate` prints about a model and a history of routes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from controltower.risk.bootstrap import bootstrap, bootstrap_mean
from controltower.risk.history import Floats, History
from controltower.risk.judging import HORIZONS_MIN, MODEL, absolute_errors, rows_before_arrival, with_model
from controltower.risk.lead_time import lead_time_lines
from controltower.risk.measures import auc, calibration_error, log_losses, squared_error
from controltower.risk.predictions import Predictions
from controltower.risk.recipe import has_promise, is_ahead

_POOLED = (15, 30, 60)
_WITHIN_S = (300, 600)
_SHARE_AT_MIN = 30


@dataclass(frozen=True, slots=True)
class Answers:
    """A history, what the model said to it, and what the baselines say. group: what the bootstrap draws."""

    history: History
    said: Predictions
    etas: dict[str, Floats]
    p_late: dict[str, Floats]
    group: NDArray[np.int64]


def evaluation_lines(answers: Answers) -> Iterator[str]:
    """The whole table."""
    yield from _risk_lines(answers)
    yield from _interval_lines(answers)
    yield from _horizon_lines(answers)
    yield from _share_lines(answers)
    yield from lead_time_lines(answers.history, answers.said.p_late, answers.group)


def _risk_lines(answers: Answers) -> Iterator[str]:
    chosen = has_promise(answers.history)
    late, group = answers.history.late[chosen], answers.group[chosen]
    yield f"risk of missing the promise: {chosen.sum():,} questions, {100 * late.mean():.1f} % missed"
    yield _row("", ("Brier", "log loss", "AUC", "calibration error"))
    for name, p_late in {MODEL: answers.said.p_late, **answers.p_late}.items():
        p = p_late[chosen]
        cells = (
            bootstrap_mean(squared_error(p, late), group),
            bootstrap_mean(log_losses(p, late), group),
            bootstrap(lambda w, p=p: auc(p, late, w), group),  # type: ignore[misc]
            bootstrap(lambda w, p=p: calibration_error(p, late, w), group),  # type: ignore[misc]
        )
        yield _row(name, tuple(cell.told(4) for cell in cells))


def _interval_lines(answers: Answers) -> Iterator[str]:
    history, said = answers.history, answers.said
    chosen = is_ahead(history)
    inside = (history.error_s >= said.p10_s) & (history.error_s <= said.p90_s)
    width = (said.p90_s - said.p10_s) / 60
    group = answers.group[chosen]
    covered = bootstrap_mean(np.where(inside[chosen], 100.0, 0.0), group).told()
    yield f"80 % interval covers {covered} %, width {bootstrap_mean(width[chosen], group).told()} min"


def _horizon_lines(answers: Answers) -> Iterator[str]:
    etas = with_model(answers.history, answers.said, answers.etas)
    yield "mean absolute error of the ETA (s), by minutes before the arrival"
    yield _row("min before", tuple(etas))
    pooled = []
    for minutes in HORIZONS_MIN:
        rows = rows_before_arrival(answers.history, minutes)
        pooled += [rows] if minutes in _POOLED else []
        yield from _compare(answers, etas, f"{minutes}", rows)
    yield from _compare(answers, etas, "15 to 60", np.concatenate(pooled))


def _compare(answers: Answers, etas: dict[str, Floats], name: str, rows: NDArray[np.int64]) -> Iterator[str]:
    """The errors, and the model's against those of the best baseline, drawn in pairs."""
    if not len(rows):
        yield _row(name, ("no arrivals",))
        return
    errors, group = absolute_errors(answers.history, etas, rows), answers.group[rows]
    yield _row(name, tuple(bootstrap_mean(error, group).told() for error in errors.values()))
    best = min((n for n in errors if n != MODEL), key=lambda n: float(errors[n].mean()))
    paired = bootstrap_mean(errors[MODEL] - errors[best], group)
    share = 100 * paired.value / float(errors[best].mean())
    verdict = "better" if paired.high < 0 else "worse" if paired.low > 0 else "neither"
    yield f"    {len(rows):,} arrivals; against {best}: {paired.told()} s ({share:+.1f} %), {verdict}"


def _share_lines(answers: Answers) -> Iterator[str]:
    rows = rows_before_arrival(answers.history, _SHARE_AT_MIN)
    etas = with_model(answers.history, answers.said, answers.etas)
    yield f"share of arrivals within 5 and 10 min of the ETA made {_SHARE_AT_MIN} min before (%)"
    for name, error in absolute_errors(answers.history, etas, rows).items():
        shares = (bootstrap_mean(np.where(error <= s, 100.0, 0.0), answers.group[rows]) for s in _WITHIN_S)
        yield _row(name, tuple(share.told() for share in shares))


def _row(name: str, cells: tuple[str, ...]) -> str:
    return f"  {name:<20}" + "".join(f"{cell:>26}" for cell in cells)
