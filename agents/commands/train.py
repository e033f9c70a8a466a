"""`controltower train`: learn the delay model from simulated days."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from controltower.risk.history import History, build_history
from controltower.risk.train import train_model, write_model
from controltower.settings import Settings

HELP = "train the delay model on simulated days"
_FEWEST_DAYS = 3


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("--days", type=int, default=30, help="simulated days (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1000, help="seed of the first day (default: %(default)s)")
    parser.add_argument("--out", type=Path, required=True, help="folder for model.txt and manifest.json")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Build the history, train, write the folder, and print how good it is beside the rule."""
    if args.days < _FEWEST_DAYS:
        print(f"error: --days: at least {_FEWEST_DAYS} are needed, to learn from, to stop on and to judge by")
        return 2
    history = _build(args.seed, args.days)
    print(f"{len(history.late):,} questions from {history.routes:,} routes; training ...", flush=True)
    booster, held_out = train_model(history, args.days)
    manifest = write_model(args.out, booster, history, args.seed, args.days, held_out)
    measures = list(held_out["model"])
    print(f"{'on held-out days':>18} " + " ".join(f"{name:>18}" for name in measures))
    for who, values in held_out.items():
        print(f"{who:>18} " + " ".join(f"{values[name]:18.4f}" for name in measures))
    print(f"wrote {manifest.model_version} to {args.out}; use it with CONTROLTOWER_MODEL_DIR={args.out}")
    return 0


def _build(seed: int, days: int) -> History:
    columns = (TextColumn("simulating days"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns) as progress:
        task = progress.add_task("days", total=days)
        return build_history(seed, days, lambda done: progress.update(task, completed=done))
