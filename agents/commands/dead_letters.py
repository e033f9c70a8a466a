"""Look at what was rejected, and put it back into the intake once the fault is mended.

controltower dead-letters list                       how many, by reason and feed, and the newest
controltower dead-letters show PARTITION/OFFSET      one letter: headers, reason, detail
controltower dead-letters replay                     append what was rejected anew to its intake topic

A letter goes back with its original bytes and headers and the header ct-replay, which says where it stood.
A letter that stands in the intake as a replay is not put back a second time, so an interrupted replay is
simply started again. What is rejected again becomes a new letter.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterator

from agents.errors import CommandError
from agents.letters_shown import print_letter, print_list
from agents.options import add_brokers, reach_kafka, since_ms
from agents.progress import ProgressShown
from controltower.deadletters.choose import Verdict, Wanted, parse_at
from controltower.deadletters.letter import INTAKE, Letter
from controltower.deadletters.replay import find_replayed, letters_among, replay
from controltower.settings import Settings
from controltower.streaming.broker_clock import BrokerClock
from controltower.streaming.client import read_topic
from controltower.streaming.stage import Record
from controltower.streaming.writer import TransactionWriter
from schemas.topics import DEAD_LETTERS
from schemas.vocabulary import RejectReason

HELP = "list, show or replay rejected records"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=("list", "show", "replay"))
    parser.add_argument(
        "places", nargs="*", type=_place, metavar="PARTITION/OFFSET", help="these letters only"
    )
    parser.add_argument(
        "--reason",
        action="append",
        choices=tuple(RejectReason),
        metavar="REASON",
        help=f"only these, may be given again: {', '.join(RejectReason)}",
    )
    parser.add_argument("--feed", action="append", metavar="NAME", help="only these feeds or intake topics")
    parser.add_argument(
        "--since", type=since_ms, metavar="TIME", help="rejected since: 2026-03-02T08:00:00Z, or 90m, 6h, 2d"
    )
    parser.add_argument(
        "--limit", type=int, default=20, metavar="N", help="letters that `list` names (%(default)s)"
    )
    parser.add_argument(
        "--payload",
        action="store_true",
        help="`show` also the key and the payload, which may hold personal data",
    )
    parser.add_argument("--dry-run", action="store_true", help="`replay` only counts")
    parser.add_argument("--again", action="store_true", help="`replay` also what was replayed before")
    parser.add_argument("--json", action="store_true", help="JSON instead of text")
    add_brokers(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    brokers = reach_kafka(settings)
    wanted = Wanted(args.reason or (), args.feed or (), args.since, frozenset(args.places))
    if args.what == "replay":
        return _replay(brokers, settings, wanted, args)
    letters = _letters(brokers, settings, wanted)
    if args.what == "show":
        return _show(letters, args)
    print_list(letters, args.limit, as_json=args.json)
    return 0


def _letters(brokers: str, settings: Settings, wanted: Wanted) -> Iterator[Letter]:
    """The wanted letters, with progress."""
    records = _read(brokers, settings, [DEAD_LETTERS], wanted.since_ms)
    return (letter for letter in letters_among(records) if letter in wanted)


def _read(brokers: str, settings: Settings, topics: list[str], since_ms: int | None) -> Iterator[Record]:
    with ProgressShown(f"reading {', '.join(topics)}", "records", None) as progress:
        reading = read_topic(
            brokers,
            topics,
            security=settings.security(),
            since_ms=since_ms,
            expect=lambda total: progress.set(0, total),
        )
        for record in reading:
            progress.advance()
            yield record


def _show(letters: Iterator[Letter], args: argparse.Namespace) -> int:
    if not args.places:
        raise CommandError(
            "which letter?", "controltower dead-letters show PARTITION/OFFSET, as `list` names it"
        )
    missing = set(args.places)
    for letter in letters:
        missing.discard((letter.at.partition, letter.at.offset))
        print_letter(letter, payload=args.payload, as_json=args.json)
    if missing:
        names = ", ".join(f"{partition}/{offset}" for partition, offset in sorted(missing))
        raise CommandError(f"there is no dead letter {names}", "letters are kept for 7 days")
    return 0


def _replay(brokers: str, settings: Settings, wanted: Wanted, args: argparse.Namespace) -> int:
    """The fence comes first: another replay that still runs is cut off before we look at what it did."""
    writer = None
    if not args.dry_run:
        writer = TransactionWriter(
            brokers,
            settings.security(),
            f"{settings.app_id}-dead-letters-replay",
            settings.limits(),
            BrokerClock(),
        )
        writer.take_over()
    replayed: set[str] = set()
    if not args.again:
        replayed = find_replayed(_read(brokers, settings, sorted(INTAKE), wanted.since_ms))
    counts = replay(_letters(brokers, settings, wanted), replayed, writer)
    if args.json:
        print(json.dumps({str(verdict): counts[verdict] for verdict in Verdict}))
        return 0
    print(_summary(counts, dry_run=args.dry_run))
    return 0


def _summary(counts: Counter[Verdict], *, dry_run: bool) -> str:
    would = "would be " if dry_run else ""
    rest = [f"{counts[v]:,} {v}" for v in Verdict if v is not Verdict.REPLAY and counts[v]]
    return "; ".join([f"{counts[Verdict.REPLAY]:,} {would}replayed", *rest])


def _place(text: str) -> tuple[int, int]:
    try:
        return parse_at(text)
    except (ValueError, TypeError):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form PARTITION/OFFSET") from None
