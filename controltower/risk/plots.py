"""The plots of a model card, each a small SVG beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from controltower.risk.features import FEATURES
from controltower.risk.judging import HORIZONS_MIN, absolute_errors, rows_before_arrival, with_model
from controltower.risk.lead_time import warnings_by_threshold
from controltower.risk.recipe import has_promise, is_ahead
from controltower.risk.training import Trained

_BINS = 10
_FEATURES_SHOWN = 12
_CARRIERS_SHOWN = 8


class Plot(NamedTuple):
    """One picture of the card."""

    file: str
    title: str
    words: str
    draw: Callable[[Any, Trained], None]


def _reliability(axes: Any, trained: Trained) -> None:
    chosen = has_promise(trained.judged)
    p, late = trained.said.p_late[chosen], trained.judged.late[chosen]
    bins = np.minimum((p * _BINS).astype(int), _BINS - 1)
    counts = np.bincount(bins, minlength=_BINS)
    full = counts > 0
    said, true = (np.bincount(bins, v, minlength=_BINS)[full] / counts[full] for v in (p, late))
    axes.plot([0, 1], [0, 1], color="0.7")
    axes.plot(said, true, marker="o")
    axes.set(xlabel="said", ylabel="came true")


def _precision_recall(axes: Any, trained: Trained) -> None:
    chosen = has_promise(trained.judged)
    p, late = trained.said.p_late[chosen], trained.judged.late[chosen]
    found = np.cumsum(late[np.argsort(-p)])
    recall, precision = found / max(found[-1], 1), found / np.arange(1, len(found) + 1)
    step = max(1, len(found) // 500)
    axes.plot(recall[::step], precision[::step])
    axes.set(xlabel="recall", ylabel="precision", ylim=(0, 1.02))


def _lead_time(axes: Any, trained: Trained) -> None:
    warned = warnings_by_threshold(trained.judged, trained.said.p_late, trained.judged.route)
    some = [one for one in warned if len(one.lead_s)]
    axes.plot([one.precision for one in some], [one.lead_s.mean() / 60 for one in some], marker=".")
    axes.set(xlabel="precision of the warnings", ylabel="min before the promise ends")


def _importance(axes: Any, trained: Trained) -> None:
    gain = np.asarray(trained.model.late.feature_importance(importance_type="gain"), dtype=np.float64)
    best = np.argsort(gain)[-_FEATURES_SHOWN:]
    axes.barh([FEATURES[i][0] for i in best], gain[best] / max(gain.sum(), 1e-9))
    axes.set(xlabel="share of the gain, risk model")


def _horizons(axes: Any, trained: Trained) -> None:
    etas = with_model(trained.judged, trained.said, trained.baseline_etas)
    rows = [rows_before_arrival(trained.judged, minutes) for minutes in HORIZONS_MIN]
    for name in etas:
        errors = [absolute_errors(trained.judged, {name: etas[name]}, at)[name] for at in rows]
        means = [float(error.mean()) if len(error) else np.nan for error in errors]
        axes.plot(HORIZONS_MIN, means, marker="o", label=name)
    axes.set(xlabel="min before the arrival", ylabel="mean absolute error, s")
    axes.legend(fontsize=7)


def _by(axes: Any, trained: Trained, keys: Sequence[str], label: str) -> None:
    """The error of the ETA per key of a row."""
    chosen = is_ahead(trained.judged)
    error = np.abs(trained.judged.error_s - trained.said.p50_s)[chosen]
    names, index = np.unique(np.asarray(keys)[chosen], return_inverse=True)
    means = np.bincount(index, error) / np.bincount(index)
    axes.bar(names, means)
    axes.set(xlabel=label, ylabel="mean absolute error, s")


def _hours(axes: Any, trained: Trained) -> None:
    hours = trained.judged.column("hour").astype(int)
    _by(axes, trained, [f"{hour:02d}" for hour in hours], "solar hour of the ETA")


def _carriers(axes: Any, trained: Trained) -> None:
    carriers = trained.judged.carrier[trained.judged.route]
    names, counts = np.unique(carriers, return_counts=True)
    shown = set(names[np.argsort(-counts)][:_CARRIERS_SHOWN])
    _by(axes, trained, [str(c) if c in shown else "others" for c in carriers], "carrier")


PLOTS: Final = (
    Plot("reliability.svg", "Reliability", "Said against true share, in ten bins.", _reliability),
    Plot("precision-recall.svg", "Precision and recall", "Of single questions.", _precision_recall),
    Plot("lead-time.svg", "Lead time against precision", "Each dot is a threshold.", _lead_time),
    Plot("importance.svg", "Feature importance", "By what the splits gained.", _importance),
    Plot("horizon.svg", "Error by horizon", "Of the ETA, beside the baselines.", _horizons),
    Plot("hour.svg", "Error by hour", "Of all ETAs.", _hours),
    Plot("carrier.svg", "Error by carrier", "Of all ETAs.", _carriers),
)


def draw_plots(folder: Path, trained: Trained) -> None:
    """Write all of them. Raises OSError."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "controltower"
    from matplotlib import pyplot

    for plot in PLOTS:
        figure, axes = pyplot.subplots(figsize=(6, 3.6), layout="constrained")
        plot.draw(axes, trained)
        figure.savefig(folder / plot.file, metadata={"Date": None})
        pyplot.close(figure)
