"""Run the stages: all of them as child processes, or one in this process.

A stage that ends with a passing fault, or is killed, is started again; one that needs a person ends the
worker. SIGTERM and Ctrl-C leave cleanly. `--brokers embedded` brings a Kafka and a Redis of its own.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Sequence

from agents.app import run_stage
from agents.errors import CommandError
from agents.options import add_brokers
from agents.supervisor import Supervisor
from controltower.settings import EMBEDDED, Settings
from schemas.topics import ALL_STAGES, STAGES, TOPICS

HELP = "run the stages: all but deliver, or --stage NAME"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--stage",
        choices=ALL_STAGES,
        action="append",
        metavar="NAME",
        help=f"only this stage, in this process; may be given again for more: {', '.join(ALL_STAGES)}",
    )
    parser.add_argument("--on-embedded", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--with-parent", action="store_true", help=argparse.SUPPRESS)
    add_brokers(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    stages = args.stage or STAGES
    if len(stages) > 1:
        embedded = settings.brokers == EMBEDDED
        return _run_embedded(args, settings, stages) if embedded else _run_all(args, settings, stages)
    if settings.brokers == EMBEDDED:
        raise CommandError("one stage alone has nobody to talk to on an embedded broker", "leave out --stage")
    if args.with_parent:
        _end_with_parent()
    return run_stage(stages[0], settings, embedded=args.on_embedded)


def _run_all(args: argparse.Namespace, settings: Settings, stages: Sequence[str], *extra: str) -> int:
    command = [sys.executable, "-m", "agents.cli"]
    if args.config:
        command += ["--config", args.config]
    command += ["worker", "--brokers", settings.brokers, "--with-parent", *extra]
    supervisor = Supervisor({stage: [*command, "--stage", stage] for stage in stages}, settings.stop_s)
    return supervisor.run()


def _run_embedded(args: argparse.Namespace, settings: Settings, stages: Sequence[str]) -> int:
    from controltower.embedded.broker import EmbeddedBroker
    from controltower.embedded.redis import EmbeddedRedis

    with EmbeddedBroker() as broker, EmbeddedRedis() as redis:
        broker.create_topics([topic.name for topic in TOPICS])
        print(f"{broker.name} at {broker.brokers}; other commands need --brokers {broker.brokers}")
        print(f"{redis.name}; nothing in either survives this process", flush=True)
        os.environ["CONTROLTOWER_REDIS_URL"] = redis.url
        here = settings.model_copy(update={"brokers": broker.brokers})
        return _run_all(args, here, stages, "--on-embedded")


def _end_with_parent() -> None:
    """End when the worker is gone, however it went: its end of our standard input closes then."""

    def watch() -> None:
        while os.read(sys.stdin.fileno(), 1):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent", daemon=True).start()
