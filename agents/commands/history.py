"""Build training rows for the delay model: what was asked, and what came true.

controltower history build --simulated 30 --out H.npz        days of the simulated city
controltower history build FOLDER --out H.npz                a GTFS folder with positions, or a recording

Milestone tables need no building: `train` and `evaluate` read their folder as it is.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from agents.histories import build_history
from agents.progress import ProgressShown
from controltower.risk.history import History
from controltower.risk.sources.simulated import build_from_simulation
from controltower.settings import Settings

HELP = "build training rows for the delay model"


def configure(parser: argparse.ArgumentParser) -> None:
    parts = parser.add_subparsers(dest="part", metavar="PART", required=True)
    build = parts.add_parser("build", help="from recorded topics, a GTFS folder or simulated days")
    source = build.add_mutually_exclusive_group(required=True)
    source.add_argument("folder", type=Path, nargs="?", metavar="FOLDER", help="GTFS folder or recording")
    source.add_argument("--simulated", type=int, metavar="DAYS", help="so many simulated days")
    build.add_argument("--seed", type=int, default=1000, help="of the first simulated day (%(default)s)")
    build.add_argument("--workers", type=int, default=1, metavar="N", help="processes, for simulated days")
    build.add_argument("--out", type=Path, required=True, metavar="H.npz", help="the file to write")


def run(args: argparse.Namespace, settings: Settings) -> int:
    history = build_history(args.folder) if args.folder else _simulated(args)
    history.save(args.out)
    print("\n".join(describe(history)))
    print(f"written to {args.out}")
    return 0


def _simulated(args: argparse.Namespace) -> History:
    with ProgressShown("simulating", "days", args.simulated) as progress:
        return build_from_simulation(args.seed, args.simulated, args.workers, progress.advance)


def describe(history: History) -> list[str]:
    """What it holds, in two lines."""
    promised = np.isfinite(history.late)
    routes, blocks = len(np.unique(history.route)), len(np.unique(history.blocks()))
    return [
        f"{len(history):,} rows of {routes:,} routes of {blocks:,} vehicles or days ({history.source})",
        f"{promised.sum():,} with a promise, {100 * history.late[promised].mean():.1f} % of them missed",
    ]
