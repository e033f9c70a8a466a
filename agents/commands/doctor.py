"""Say what is wrong with this set-up, and what to do.

Looks at files, Kafka, topics, rights, clock, stages, Redis and the metrics ports. Changes nothing: the one
record it writes, to see the rights and the clock, is taken back with its transaction. Exits 0 when all is
well, 1 when something is not.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.text import Text

from agents.options import add_brokers, require_kafka
from agents.topic_specs import wanted_topics
from controltower.clock import wall_ms
from controltower.doctor.files import check_files
from controltower.doctor.finding import Finding, Level, fail, ok
from controltower.doctor.groups import check_groups
from controltower.doctor.kafka import check_all_topics, check_broker, check_transactions
from controltower.doctor.services import check_ports, check_redis
from controltower.settings import Settings, SettingsError
from controltower.sinks.config import read_sinks_file
from schemas.topics import ALL_STAGES, STAGES

HELP = "say what is wrong with the set-up, and what to do"
_STYLES = {Level.OK: "green", Level.WARN: "yellow", Level.FAIL: "bold red"}


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="one JSON object per line")
    add_brokers(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    worst = Level.OK
    console = Console(highlight=False, soft_wrap=True)
    for finding in examine(settings):
        if args.json:
            print(json.dumps(asdict(finding)), flush=True)
        else:
            _print(console, finding)
        if finding.level is not Level.OK and worst is not Level.FAIL:
            worst = finding.level
    if not args.json:
        print("all is well" if worst is Level.OK else "not all is well; the hints say what to do")
    return 0 if worst is Level.OK else 1


def examine(settings: Settings) -> Iterator[Finding]:
    """Every finding, as it is found; what needs a broker only where one answers."""
    yield from check_files(settings.feeds_dir, settings.playbook, settings.model_dir)
    stages: Sequence[str] = STAGES
    if settings.sinks is not None:
        stages = ALL_STAGES
        yield check_sinks(settings.sinks)
    brokers, security = require_kafka(settings), settings.security()
    broker = check_broker(brokers, security)
    yield broker
    if broker.level is Level.OK:
        yield from check_all_topics(brokers, security, wanted_topics(settings))
        yield from check_transactions(brokers, security, settings.app_id)
        yield from check_groups(brokers, security, settings.app_id, stages)
    yield check_redis(settings.redis_url, settings.redis_sign_in())
    if settings.metrics_port:
        yield from check_ports(settings.metrics_host, settings.metrics_port, stages)


def check_sinks(path: Path) -> Finding:
    """The file, its secrets and its templates; nobody is told anything."""
    from agents.deliver import make_senders

    try:
        file = read_sinks_file(path)
        make_senders(file, path.parent, wall_ms)
    except SettingsError as wrong:
        return fail("sinks", str(wrong), "docs/sinks.md; controltower sinks check")
    return ok("sinks", f"{path}: {len(file.sinks)} are told of exceptions and actions")


def _print(console: Console, finding: Finding) -> None:
    style = _STYLES[finding.level]
    console.print(Text.assemble((f"{finding.level:<5}", style), f"{finding.subject:<16} ", finding.what))
    if finding.hint:
        console.print(Text(f"{'':<22}hint: {finding.hint}", style="dim"))
