"""Let a stage start anew: it forgets its state and reads its log again from the beginning.

For when an input topic was deleted and created again, or a changelog is lost. Every process of the stage
must be stopped. What it has published stays; it is published again with the same ids and the same seq, so
a consumer that keeps the highest seq per id is not misled. What is no longer in the log is not found again.
"""

from __future__ import annotations

import argparse
import sys

from agents.errors import CommandError
from agents.options import add_brokers, reach_kafka
from agents.topic_specs import wanted_topics
from controltower.settings import Settings
from controltower.streaming.reset import reset_stage
from schemas.topics import ALL_STAGES, changelog_of

#: The broker looks for lost members now and then only.
_GRACE_S = 4.0

HELP = "let a stage start anew from its log"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--stage", choices=ALL_STAGES, required=True, metavar="NAME", help=", ".join(ALL_STAGES)
    )
    parser.add_argument("--yes", action="store_true", help="do not ask")
    add_brokers(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    brokers = reach_kafka(settings)
    if not args.yes:
        _ask(args.stage, brokers)
    changelog = next(topic for topic in wanted_topics(settings) if topic.name == changelog_of(args.stage))
    group, leave_s = f"{settings.app_id}-{args.stage}", settings.session_timeout_s + _GRACE_S
    reset_stage(brokers, group, changelog, settings.security(), leave_s)
    print(f"{args.stage} starts anew from the beginning of its log")
    return 0


def _ask(stage: str, brokers: str) -> None:
    if not sys.stdin.isatty():
        raise CommandError("nobody here to confirm it", "say --yes")
    if input(f"forget the state of {stage} at {brokers}? [y/N] ").strip().lower() != "y":
        raise CommandError("nothing was changed")
