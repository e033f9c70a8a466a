"""Recovery policy as data: check a playbook, see what it answers, compare two, put one in force.

controltower playbook check FILE.yaml                every mistake of a kind is one line: file, line, field
controltower playbook explain [FILE.yaml] --code LONG_HALT --carrier acme
controltower playbook diff A.yaml B.yaml             what B answers otherwise
controltower playbook schema                         JSON Schema, for an editor
controltower playbook publish FILE.yaml --by mara --why "fewer calls"    in force from its record on
controltower playbook backtest RECORDING --playbook A.yaml --playbook B.yaml --html report.html

Where no FILE is given, the one of the settings counts, else the shipped one. docs/recovery.md has the fields.
"""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path

from agents.backtest_shown import backtest, configure_backtest
from agents.errors import CommandError
from agents.options import add_brokers, reach_kafka
from agents.publisher import Publisher
from controltower.recovery.explain import diff, explain
from controltower.recovery.playbook import load_playbook
from controltower.recovery.policy import Playbook
from controltower.settings import Settings
from controltower.streaming.stage import Out
from schemas import wire
from schemas.topics import COMMANDS
from schemas.vocabulary import ExceptionCode

HELP = "check, explain, compare, publish and backtest recovery policies"


def configure(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(dest="what", metavar="WHAT", required=True)
    check = commands.add_parser("check", help="whether a playbook can be used")
    check.add_argument("file", type=Path, metavar="FILE.yaml")
    told = commands.add_parser("explain", help="what a playbook answers, and within which limits")
    told.add_argument("file", type=Path, nargs="?", metavar="FILE.yaml")
    told.add_argument("--code", type=ExceptionCode, metavar="CODE", help="one exception code; default: all")
    for name in ("tenant", "carrier", "zone", "service-tier"):
        told.add_argument(f"--{name}", metavar="NAME", help="the steps that count for it")
    both = commands.add_parser("diff", help="what the second playbook answers otherwise")
    both.add_argument("one", type=Path, metavar="A.yaml")
    both.add_argument("other", type=Path, metavar="B.yaml")
    commands.add_parser("schema", help="JSON Schema of a playbook file")
    put = commands.add_parser("publish", help="put a playbook in force in the running system")
    put.add_argument("file", type=Path, metavar="FILE.yaml")
    put.add_argument("--by", required=True, metavar="NAME", help="who")
    put.add_argument("--why", metavar="TEXT", help="what for")
    add_brokers(put)
    configure_backtest(
        commands.add_parser("backtest", help="what playbooks would have done with a recording")
    )


def run(args: argparse.Namespace, settings: Settings) -> int:
    match args.what:
        case "check":
            playbook = load_playbook(args.file)
            print(f"{args.file}: {playbook.policy_version} can be used")
            print(f"  {_covered(playbook)}")
        case "explain":
            playbook = load_playbook(args.file or settings.playbook)
            scope = (args.tenant or "default", args.carrier, args.zone, args.service_tier)
            print("\n".join(explain(playbook, args.code, scope)))
        case "diff":
            lines = diff(load_playbook(args.one), load_playbook(args.other))
            print("\n".join(lines) or "both decide alike")
            return 1 if lines else 0
        case "schema":
            print(json.dumps(Playbook.model_json_schema(), indent=2))
        case "publish":
            _publish(args, settings)
        case "backtest":
            return backtest(args, settings)
    return 0


def _covered(playbook: Playbook) -> str:
    missing = [code.value for code in ExceptionCode if code not in playbook.rules]
    steps = sum(1 for _ in playbook.all_steps())
    denied = f"; denied because they have no rule: {', '.join(missing)}" if missing else ""
    return f"{len(playbook.rules)} of {len(ExceptionCode)} codes have a rule, {steps} steps{denied}"


def _publish(args: argparse.Namespace, settings: Settings) -> None:
    playbook = load_playbook(args.file)
    record = wire.PlaybookPublished(
        text=args.file.read_text(encoding="utf-8"),
        by=args.by,
        why=args.why,
        issued_at=datetime.now(UTC),
    )
    send_command(settings, wire.encode(record))
    print(f"{playbook.policy_version} is in force with its record in each partition of recovery")
    if playbook.name == "default":
        print("  it is named default like the shipped one; actions tell them apart by the hash only")


def send_command(settings: Settings, value: bytes) -> None:
    """One record for the topic of commands. Raises BrokerError."""
    publisher = Publisher(reach_kafka(settings), settings.security())
    publisher.send([Out(COMMANDS, None, value)])
    publisher.flush()


def refuse_missing(path: Path) -> None:
    """Raises CommandError where there is no such file."""
    if not path.exists():
        raise CommandError(f"{path} does not exist", "name a file or folder that does")
