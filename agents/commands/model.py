"""Change the delay model of a running system, without a restart.

controltower model check FOLDER        would it be loaded? digests, then a trial in a child process
controltower model use FOLDER          it answers from a question of each partition on
controltower model shadow FOLDER       it is scored beside the live model; the difference is a metric
controltower model unshadow            no longer
controltower model report RECORDING    candidate and live model against what came true, by horizon

FOLDER must be where the score stage finds it under the same path, and stay as it is: the record names its
digest, and a stage that starts again loads it from there. What a stage cannot load changes nothing.
The stages load it beside their work before they turn to it.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from agents.errors import CommandError
from agents.options import add_brokers, reach_kafka
from agents.progress import ProgressShown
from controltower.offline.broker import find_partitions
from controltower.offline.recording import open_recording
from controltower.risk.manifest import ModelRefusedError
from controltower.risk.models import digest_of_model
from controltower.risk.scorer import load_model_scorer
from controltower.risk.shadow_report import read_beside, report_lines
from controltower.settings import Settings
from controltower.streaming.broker_clock import BrokerClock
from controltower.streaming.stage import Commit, Out
from controltower.streaming.writer import TransactionWriter
from schemas import wire
from schemas.topics import ROUTE_EVENTS, SCORE_REQUESTS
from schemas.vocabulary import ModelUse

HELP = "check a delay model, make it the live one, or score it beside the live one and report"
_USES = {"use": ModelUse.LIVE, "shadow": ModelUse.SHADOW}
#: A trial and the loading take 2 to 3 s; a stage that needs longer waits for the rest of it.
_LOADED_AFTER_S = 5.0


def configure(parser: argparse.ArgumentParser) -> None:
    parts = parser.add_subparsers(dest="part", metavar="PART", required=True)
    for name, about in (
        ("check", "would it be loaded?"),
        ("use", "make it the live model"),
        ("shadow", "score it beside the live model"),
    ):
        part = parts.add_parser(name, help=about)
        part.add_argument("folder", type=Path, metavar="FOLDER", help="folder of a model")
        if name != "check":
            add_brokers(part)
    add_brokers(parts.add_parser("unshadow", help="score no candidate any more"))
    report = parts.add_parser("report", help="candidate and live model against what came true")
    report.add_argument("folder", type=Path, metavar="RECORDING", help="folder of a recording")


def run(args: argparse.Namespace, settings: Settings) -> int:
    if args.part == "report":
        return _report(args.folder)
    version = digest = folder = ""
    if args.part != "unshadow":
        folder = str(args.folder.resolve())
        version, digest = _check(args.folder)
        print(f"{version}: whole, and its canaries are answered as when it was made")
    if args.part != "check":
        uses = (ModelUse.NO_SHADOW,) if args.part == "unshadow" else (ModelUse.PREPARE, _USES[args.part])
        _publish(settings, [_change(use, version, digest, folder) for use in uses])
    return 0


def _report(folder: Path) -> int:
    recording = open_recording(folder)
    if ROUTE_EVENTS not in recording.topics:
        raise CommandError(f"{folder}: holds no {ROUTE_EVENTS}, where scores stand", "record it as well")
    total = sum(recording.records_of(ROUTE_EVENTS, p) for p in range(recording.partitions))
    with ProgressShown("reading", "records", total) as progress:
        beside = read_beside(recording, progress.advance)
    if not beside.late:
        raise CommandError(
            f"{folder}: no stop with a candidate's score came to its end", "controltower model shadow FOLDER"
        )
    for line in report_lines(beside):
        print(line)
    return 0


def _check(folder: Path) -> tuple[str, str]:
    try:
        digest = digest_of_model(folder)
        return load_model_scorer(folder).version, digest
    except ModelRefusedError as refused:
        raise CommandError(
            f"the model is refused: {refused}", "`controltower train` makes one; the live model stays"
        ) from None
    except (ImportError, OSError) as wrong:
        raise CommandError(f"LightGBM cannot be loaded: {wrong}", "install libgomp1") from None


def _change(use: ModelUse, version: str, digest: str, folder: str) -> wire.ModelChange:
    return wire.ModelChange(
        use=use, model_version=version, digest=digest, folder=folder, changed_at=datetime.now(UTC)
    )


def _publish(settings: Settings, changes: Sequence[wire.ModelChange]) -> None:
    """Each to every partition in one transaction, with time to load between them; fences whoever changes
    models at the same time."""
    brokers, security = reach_kafka(settings), settings.security()
    partitions = find_partitions(brokers, security).get(SCORE_REQUESTS, 0)
    if not partitions:
        raise CommandError(f"there is no topic {SCORE_REQUESTS}", "controltower topics create")
    writer = TransactionWriter(
        brokers, security, f"{settings.app_id}-models", settings.limits(), BrokerClock()
    )
    writer.take_over()
    for change in changes:
        value = wire.encode(change)
        outs = [Out(SCORE_REQUESTS, b"model", value, partition) for partition in range(partitions)]
        writer.write(Commit(outs), "", 0, [])
        if change.use is ModelUse.PREPARE:
            print(f"the score stages load it, {_LOADED_AFTER_S:.0f} s")
            time.sleep(_LOADED_AFTER_S)
    print(f"{changes[-1].use.value}: takes effect with the next question of each of {partitions} partitions")
