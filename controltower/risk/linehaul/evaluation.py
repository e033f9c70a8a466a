"""The line-haul model against a plain LightGBM on the same rows, at three stages of the way."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from controltower.risk.bootstrap import bootstrap, bootstrap_mean
from controltower.risk.linehaul.features import WORDS, Stage, raw_table
from controltower.risk.linehaul.model import fit_line_haul
from controltower.risk.linehaul.moments import Examples, examples_of
from controltower.risk.linehaul.publishing import split
from controltower.risk.linehaul.table import Floats, Milestones
from controltower.risk.measures import auc, calibration_error, log_losses, squared_error

#: LightGBM as it comes: 100 rounds of its defaults. One thread and a seed, so that it can be repeated.
_PLAIN = {"objective": "binary", "verbosity": -1, "num_threads": 1, "seed": 1, "deterministic": True}
_ROUNDS = 100


def line_haul_lines(milestones: Milestones) -> Iterator[str]:
    """Per stage: both models' measures on the last 30 % in file order, fitted on the first 70 %, and their
    differences drawn in pairs. The bootstrap draws shipments."""
    learn, judged = split(milestones)
    late = judged.late()
    yield (
        f"{len(learn):,} shipments to learn from, {len(judged):,} to judge by in file order, "
        f"{100 * late.mean():.1f} % of these late"
    )
    for stage in Stage:
        asked = examples_of(judged, stage)
        model = fit_line_haul(learn, stage).predict(asked.known)
        plain = _plain(examples_of(learn, stage), asked, stage)
        yield from _compare(stage, model, plain, asked.late, asked.shipment)


def _plain(learn: Examples, asked: Examples, stage: Stage) -> Floats:
    import lightgbm

    data = lightgbm.Dataset(raw_table(learn.known, stage), learn.late)
    booster = lightgbm.train(_PLAIN, data, _ROUNDS)
    return np.asarray(booster.predict(raw_table(asked.known, stage), num_threads=1), dtype=np.float64)


def _compare(
    stage: Stage, model: Floats, plain: Floats, late: Floats, group: NDArray[np.int64]
) -> Iterator[str]:
    yield f"{WORDS[stage]}"
    yield f"  {'':<16}" + "".join(f"{name:>26}" for name in ("Brier", "log loss", "AUC", "calibration error"))
    for name, p in (("model", model), ("plain LightGBM", plain)):
        cells = (
            bootstrap_mean(squared_error(p, late), group),
            bootstrap_mean(log_losses(p, late), group),
            bootstrap(lambda w, p=p: auc(p, late, w), group),  # type: ignore[misc]
            bootstrap(lambda w, p=p: calibration_error(p, late, w), group),  # type: ignore[misc]
        )
        yield f"  {name:<16}" + "".join(f"{cell.told(4):>26}" for cell in cells)
    for name, loss in (("Brier", squared_error), ("log loss", log_losses)):
        paired = bootstrap_mean(loss(model, late) - loss(plain, late), group)
        verdict = "better" if paired.high < 0 else "worse" if paired.low > 0 else "neither"
        yield f"    {name}, model less plain: {paired.told(4)}, {verdict}"
