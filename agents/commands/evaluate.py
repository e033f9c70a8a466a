"""Hold a part of the product against what came true, or what people have labelled.

`--model M --history H` judges a delay model. M is the folder of one, or `shipped`; H a file of
`history build`, a GTFS folder with positions, a recording, or a folder of milestone tables.

`alerts FOLDER ...` replays GTFS days, and with --days simulated ones, and holds the exceptions about promises
against when vehicles truly came: precision, recall, lead time and flaps per 100 routes, and what other
thresholds would give.

`motion FILE.csv` runs the evidence that LONG_HALT rests on, without a plan, over traces of positions:
columns `t` and `x`, `y` in metres or `lat`, `lon`, an `id` where there are several traces. With a column
`label` (parked or OnFoot, moving or Driving) it prints how often it is right.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from agents.alerts_evaluated import configure_alerts, evaluate_alerts
from agents.errors import CommandError
from agents.evaluated import evaluate_model
from agents.progress import ProgressShown
from controltower.detect.rules import load_limits
from controltower.detect.trace import find_parked
from controltower.offline.traces import Trace, read_traces
from controltower.risk.scorer import SHIPPED_MODEL
from controltower.settings import Settings

HELP = "hold a model, or a part of the product, against what came true"
_SHIPPED = "shipped"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", metavar="M", help=f"folder of a model, or `{_SHIPPED}`")
    parser.add_argument("--history", type=Path, metavar="H", help="what it is judged by")
    parts = parser.add_subparsers(dest="part", metavar="PART")
    configure_alerts(parts.add_parser("alerts", help="exceptions about promises against what came true"))
    motion = parts.add_parser("motion", help="moving or parked, per position of a trace")
    motion.add_argument("file", type=Path, metavar="FILE.csv", help="traces of positions")
    motion.add_argument("--out", type=Path, metavar="OUT.csv", help="writes moving or parked per position")


def run(args: argparse.Namespace, settings: Settings) -> int:
    if args.part == "motion":
        return _run_motion(args, settings)
    if args.part == "alerts":
        return evaluate_alerts(args, settings)
    if args.model is None or args.history is None:
        raise CommandError("evaluate needs --model and --history, or a part", "controltower evaluate --help")
    folder = SHIPPED_MODEL if args.model == _SHIPPED else Path(args.model)
    for line in evaluate_model(folder, args.history):
        print(line, flush=True)
    return 0


def _run_motion(args: argparse.Namespace, settings: Settings) -> int:
    limits = load_limits(settings.rules)
    traces = read_traces(args.file)
    with ProgressShown("judging", "traces", len(traces)) as progress:
        judged = []
        for trace in traces:
            judged.append(find_parked(trace.points, limits))
            progress.advance()
    points = sum(len(trace.points) for trace in traces)
    parked = sum(map(sum, judged))
    print(f"{points:,} positions of {len(traces):,} traces: {parked:,} parked, {points - parked:,} moving")
    print("\n".join(_scores(traces, judged)))
    if args.out is not None:
        _write(args.out, traces, judged)
        print(f"written to {args.out}")
    return 0


def _scores(traces: Sequence[Trace], judged: Sequence[Sequence[bool]]) -> Iterator[str]:
    """Share of the parked and of the moving that are told as such, and the mean of both."""
    right = {True: 0, False: 0}
    total = {True: 0, False: 0}
    for trace, flags in zip(traces, judged, strict=True):
        for label, flag in zip(trace.parked, flags, strict=True):
            if label is not None:
                total[label] += 1
                right[label] += label is flag
    if not total[True] or not total[False]:
        yield "no labels of both kinds, so nothing to score"
        return
    parked, moving = right[True] / total[True], right[False] / total[False]
    yield f"parked told as parked {parked:.4f} of {total[True]:,}"
    yield f"moving told as moving {moving:.4f} of {total[False]:,}"
    yield f"balanced accuracy     {(parked + moving) / 2:.4f}"


def _write(path: Path, traces: Sequence[Trace], judged: Sequence[Sequence[bool]]) -> None:
    """The rows of the file in its own order: id, t, motion."""
    rows = [
        (number, trace.trace_id, time, "parked" if flag else "moving")
        for trace, flags in zip(traces, judged, strict=True)
        for number, time, flag in zip(trace.rows, trace.times, flags, strict=True)
    ]
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("id", "t", "motion"))
            writer.writerows(row[1:] for row in sorted(rows))
    except OSError as failed:
        raise CommandError(f"{path}: {failed.strerror}", "name a file that can be written") from None
