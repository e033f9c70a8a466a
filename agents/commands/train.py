"""Train the delay model on a history: the user's own, or simulated days.

--history takes a file of `history build`, a GTFS folder with positions, a recording, or a folder of
milestone tables (then the line-haul model is trained). The folder gets the boosters, manifest.json and the
model card, card.md and card.html with its plots. A model that a baseline beats is written with that
verdict, and the rule stands in for it.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from agents.errors import CommandError
from agents.histories import is_milestones, open_history
from agents.progress import ProgressShown
from controltower.risk.card import write_card
from controltower.risk.history import History
from controltower.risk.judging import Judgement, judge
from controltower.risk.linehaul.features import Stage
from controltower.risk.linehaul.publishing import train_line_haul
from controltower.risk.linehaul.table import read_milestones
from controltower.risk.publishing import write_model
from controltower.risk.training import STEPS, Trained, train
from controltower.settings import Settings

HELP = "train the delay model on a history"


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("--history", type=Path, required=True, metavar="H", help="what to learn from")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the model")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Train, judge beside the baselines, write folder and card, and print the verdict."""
    if is_milestones(args.history):
        return _train_line_haul(args.history, args.out)
    history = open_history(args.history)
    trained = _train(history)
    judgement = judge(trained.judged, trained.said, trained.baseline_etas, trained.baseline_p_late)
    try:
        manifest = write_model(args.out, trained, history, judgement)
        write_card(args.out, manifest, trained, judgement)
    except OSError as failed:
        raise CommandError(f"{args.out}: {failed.strerror}", "name a folder that can be written") from None
    print("\n".join(held_out_lines(judgement)))
    print(_verdict(judgement))
    print(f"wrote {manifest.model_version} and its card to {args.out}")
    print(f"use it with CONTROLTOWER_MODEL_DIR={args.out}")
    return 0


def _train(history: History) -> Trained:
    with ProgressShown("training", "steps", STEPS) as progress:
        told = 0

        def step(what: str) -> None:
            nonlocal told
            told += 1
            progress.set(told, note=what)

        return train(history, step)


def _train_line_haul(folder: Path, out: Path) -> int:
    milestones = read_milestones(folder)
    with ProgressShown("training", "stages", len(Stage)) as progress:
        try:
            lines = train_line_haul(milestones, out, progress.advance)
        except OSError as failed:
            raise CommandError(f"{out}: {failed.strerror}", "name a folder that can be written") from None
    print(f"{len(milestones):,} shipments, {100 * np.mean(milestones.late()):.1f} % late")
    print("\n".join(lines))
    print(f"written to {out}; CONTROLTOWER_HAUL_MODEL_DIR={out} has it answer")
    return 0


def held_out_lines(judgement: Judgement) -> list[str]:
    """A table of all measures on the held-out period."""
    names = list(judgement.held_out["model"])
    lines = [f"{'held out':<20}" + "".join(f"{name:>19}" for name in names)]
    for who, values in judgement.held_out.items():
        lines.append(f"{who:<20}" + "".join(f"{_cell(values, name):>19}" for name in names))
    return lines


def _cell(values: Mapping[str, float | None], name: str) -> str:
    value = values.get(name)
    return "-" if value is None else f"{value:.4g}"


def _verdict(judgement: Judgement) -> str:
    if judgement.beaten_by:
        return f"{judgement.beaten_by} is better on the held-out period: the rule stands in for this model"
    return "the model beats every baseline on the held-out period"
