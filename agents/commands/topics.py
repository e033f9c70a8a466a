"""Create, check or describe the topics, all from the one topic table.

controltower topics create    what is missing; never changes a topic that exists
controltower topics check     exits 1 when a topic is missing or differs from the table
controltower topics docs      the table as Markdown
"""

from __future__ import annotations

import argparse

from agents.options import add_brokers, reach_kafka
from agents.topic_specs import topics_page, wanted_topics
from controltower.settings import Settings
from controltower.streaming.topics import check_topics, create_topics

HELP = "create, check or describe the topics"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=("create", "check", "docs"))
    add_brokers(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    if args.what == "docs":
        print(topics_page(), end="")
        return 0
    return _create(settings) if args.what == "create" else _check(settings)


def _create(settings: Settings) -> int:
    created = create_topics(reach_kafka(settings), wanted_topics(settings), settings.security())
    print(f"created {len(created)}: {', '.join(created)}" if created else "all topics exist")
    return 0


def _check(settings: Settings) -> int:
    faults = check_topics(reach_kafka(settings), wanted_topics(settings), settings.security())
    for fault in faults:
        print(f"{fault.topic}: {fault.what}")
    print(f"{len(faults)} faults" if faults else "all topics are as the table has them")
    return 1 if faults else 0
