"""The subcommand `controltower playbook backtest`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from agents.errors import CommandError
from agents.progress import ProgressShown
from controltower.dispatching.reference import Dispatcher
from controltower.offline.backtest import backtest as run_backtest
from controltower.offline.backtest_report import Account, account, lines, page
from controltower.offline.recording import open_recording
from controltower.recovery.playbook import load_playbook
from controltower.settings import Settings
from controltower.streaming.stage import Record
from schemas.topics import RECOVERY_EVENTS

_RECORDED = "People and dispatch answered as recorded; what was not sent that day met silence."
_PLAYED = "The reference dispatch system answered, not the people of that day."


def configure_backtest(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recording", type=Path, metavar="RECORDING", help="of `record` or `replay --record`")
    parser.add_argument(
        "--playbook",
        type=Path,
        action="append",
        metavar="FILE.yaml",
        help="one or several; default: the one of the settings, else the shipped one",
    )
    parser.add_argument(
        "--dispatch",
        choices=("recorded", "played"),
        default="recorded",
        help="whose answers count: those of the day, or those of the reference dispatch system",
    )
    parser.add_argument("--html", type=Path, metavar="FILE.html", help="write the report with its plots")


def backtest(args: argparse.Namespace, settings: Settings) -> int:
    logs = _read(args.recording)
    accounts: list[Account] = []
    files: Sequence[Path | None] = args.playbook or (settings.playbook,)
    with ProgressShown("folding", "playbooks", len(files)) as progress:
        for file in files:
            played = Dispatcher() if args.dispatch == "played" else None
            accounts.append(account(run_backtest(logs, load_playbook(file), played)))
            progress.advance()
    basis = _PLAYED if args.dispatch == "played" else _RECORDED
    print(basis)
    print("\n".join(lines(accounts)))
    if args.html is not None:
        try:
            args.html.write_text(page(accounts, args.recording.name, basis), encoding="utf-8")
        except OSError as failed:
            raise CommandError(f"{args.html}: {failed.strerror}", "name a file that can be written") from None
        print(f"report: {args.html}")
    return 0


def _read(folder: Path) -> list[list[Record]]:
    recording = open_recording(folder)
    logs = [list(recording.read(RECOVERY_EVENTS, number)) for number in range(recording.partitions)]
    if not any(logs):
        raise CommandError(
            f"{folder} holds nothing of {RECOVERY_EVENTS}", "record a day with `controltower record`"
        )
    return logs
