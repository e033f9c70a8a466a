"""Write all topics into a folder, for `replay` and `verify --recording`.

Reads what is committed, from the beginning of each topic; leaves no trace at the broker.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from agents.errors import CommandError
from agents.options import add_brokers, reach_kafka
from agents.progress import ProgressShown
from controltower.offline.broker import TopicTail, find_partitions, find_topic_ids
from controltower.offline.recording import RecordingWriter
from controltower.settings import Settings
from schemas.topics import BY_NAME

HELP = "write topics into files"
_PAUSE_S = 0.5


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="an empty or a new folder")
    parser.add_argument(
        "--quiet",
        type=float,
        default=3.0,
        metavar="S",
        help="stop when nothing came for so long (%(default)s); Ctrl-C stops too",
    )
    add_brokers(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    brokers, security = reach_kafka(settings), settings.security()
    found = find_partitions(brokers, security)
    names = [name for name in BY_NAME if name in found]
    if not names:
        raise CommandError(f"Kafka at {brokers} has none of our topics", "controltower topics create")
    tail = TopicTail(brokers, security, names, found[names[0]])
    try:
        with RecordingWriter(args.out, found[names[0]], find_topic_ids(brokers, security, names)) as writer:
            for (topic, partition), first in tail.first_offsets.items():
                writer.begins_at(topic, partition, first)
            count = _record(tail, writer, args.quiet)
    finally:
        tail.close()
    print(f"{count:,} records of {len(names)} topics written to {args.out}")
    return 0


def _record(tail: TopicTail, writer: RecordingWriter, quiet_s: float) -> int:
    """Until nothing came for `quiet_s`, or Ctrl-C."""
    count, heard_at = 0, time.monotonic()
    with ProgressShown("recording", "records", None) as progress:
        try:
            while time.monotonic() - heard_at < quiet_s:
                for record in tail.catch_up():
                    writer.append(record)
                    count, heard_at = count + 1, time.monotonic()
                    progress.advance()
                time.sleep(min(_PAUSE_S, quiet_s))
        except KeyboardInterrupt:
            pass
    return count
