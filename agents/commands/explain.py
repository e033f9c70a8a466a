"""Tell one exception in plain words, and draw where it happened.

Reads the topics of the broker, or with --recording a folder that `record` or `replay --record` wrote.
The beginning of an id is enough where only one exception begins so.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

from agents.errors import CommandError
from agents.options import add_brokers, reach_kafka
from agents.progress import ProgressShown
from controltower.explain.picture import draw
from controltower.explain.story import ReadTopic, Story, StoryError, find_story
from controltower.explain.words import tell
from controltower.offline.broker import TopicTail, find_partitions
from controltower.offline.recording import open_recording
from controltower.settings import Settings
from controltower.streaming.stage import Record

HELP = "one exception in plain words and as a picture"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("exception_id", metavar="EXCEPTION_ID", help="or the beginning of it")
    parser.add_argument(
        "--recording", type=Path, metavar="DIR", help="read a recording instead of the broker"
    )
    parser.add_argument(
        "--picture", type=Path, metavar="FILE", help=".svg or .png; default: <exception_id>.svg, here"
    )
    parser.add_argument("--no-picture", action="store_true", help="words only")
    add_brokers(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    read = _from_recording(args.recording) if args.recording else _from_broker(settings)
    try:
        story = find_story(args.exception_id, read)
    except StoryError as unknown:
        raise CommandError(str(unknown), unknown.hint) from None
    print("\n".join(tell(story)))
    if not args.no_picture:
        _draw(story, args.picture or Path(f"{story.last.exception_id}.svg"))
    return 0


def _draw(story: Story, file: Path) -> None:
    try:
        drawn = draw(story, file)
    except OSError as failed:
        raise CommandError(f"{file}: {failed.strerror}", "name a file that can be written") from None
    except ValueError as wrong:
        raise CommandError(str(wrong), "--picture FILE.svg") from None
    print(f"\npicture: {file}" if drawn else "\nno place is known, so there is no picture")


def _from_recording(folder: Path) -> ReadTopic:
    recording = open_recording(folder)

    def read(topic: str) -> Iterable[Record]:
        return chain.from_iterable(recording.read(topic, number) for number in range(recording.partitions))

    return read


def _from_broker(settings: Settings) -> ReadTopic:
    brokers, security = reach_kafka(settings), settings.security()
    found = find_partitions(brokers, security)

    def read(topic: str) -> Iterator[Record]:
        if topic not in found:
            raise CommandError(f"Kafka at {brokers} has no topic {topic}", "controltower topics create")
        tail = TopicTail(brokers, security, [topic], found[topic])
        try:
            with ProgressShown(f"reading {topic}", "records", None) as progress:
                for record in tail.catch_up():
                    progress.advance()
                    yield record
        finally:
            tail.close()

    return read
