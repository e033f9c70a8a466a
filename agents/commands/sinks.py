"""Who is told of exceptions and actions: the file, a first try, what could not be told, telling it again.

controltower sinks check                          is the file right, and who is told what
controltower sinks try NAME                       tell one sink three examples, now
controltower sinks undelivered                    what was given up, by sink and reason
controltower sinks replay NAME --since 6h         tell it again what it wants of a span of time
controltower sinks replay NAME --undelivered      tell it what was given up

The stage that tells them is `controltower worker --stage deliver`. A repeated event has the same id.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice

from agents.errors import CommandError
from agents.options import add_brokers, reach_kafka, since_ms
from agents.progress import ProgressShown
from controltower.clock import instant_of, wall_ms
from controltower.settings import Settings
from controltower.sinks.again import letters_among, requests_of_events, requests_of_letters
from controltower.sinks.config import MailSink, Sink, SinksFile, WebhookSink, read_sinks_file
from controltower.sinks.delivery import Attempt, Outcome
from controltower.sinks.examples import example_deliveries
from controltower.streaming.broker_clock import BrokerClock
from controltower.streaming.client import read_topic
from controltower.streaming.stage import Commit, Out, Record
from controltower.streaming.writer import TransactionWriter
from schemas.topics import DISPATCH, EXCEPTIONS, UNDELIVERED

HELP = "webhooks and e-mail: check, try, undelivered, replay"
_AT_ONCE = 500


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=("check", "try", "undelivered", "replay"))
    parser.add_argument("sink", nargs="?", metavar="NAME", help="a sink of the file")
    parser.add_argument("--since", type=since_ms, metavar="TIME", help="2026-03-02T08:00:00Z, or 90m, 6h, 2d")
    parser.add_argument("--until", type=since_ms, metavar="TIME", help="before this time")
    parser.add_argument("--undelivered", action="store_true", help="`replay` what was given up")
    parser.add_argument("--dry-run", action="store_true", help="`replay` only counts")
    parser.add_argument("--limit", type=int, default=20, metavar="N", help="newest shown (%(default)s)")
    parser.add_argument("--json", action="store_true", help="JSON instead of text")
    add_brokers(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    if settings.sinks is None:
        raise CommandError("CONTROLTOWER_SINKS is not set, so nobody is told", "docs/sinks.md has an example")
    file = read_sinks_file(settings.sinks)
    match args.what:
        case "check":
            return _check(file, settings)
        case "try":
            return _try(_named(file, args.sink), file, settings)
        case "undelivered":
            return _undelivered(args, settings)
    return _replay(args, file, settings)


def _named(file: SinksFile, name: str | None) -> str:
    if name not in file.sinks:
        raise CommandError(f"there is no sink {name or ''}".rstrip(), f"there are {', '.join(file.sinks)}")
    return name


def _check(file: SinksFile, settings: Settings) -> int:
    from agents.deliver import make_senders

    assert settings.sinks is not None
    make_senders(file, settings.sinks.parent, wall_ms)
    for name, sink in file.sinks.items():
        print(f"{name:<20} {_whereto(sink):<40} {_wanted(sink)}")
    print(f"{settings.sinks} is right: {len(file.sinks)} sinks")
    return 0


def _whereto(sink: Sink) -> str:
    if isinstance(sink, MailSink):
        often = f", a digest every {sink.digest_s:g} s" if sink.digest_s else ""
        return f"{len(sink.recipients)} by mail over {sink.host}{often}"
    assert isinstance(sink, WebhookSink)
    return f"webhook at {sink.host}"


def _wanted(sink: Sink) -> str:
    parts = []
    for what, choice in (("exceptions", sink.exceptions), ("actions", sink.actions)):
        if choice is not None:
            only = [str(value) for values in choice.model_dump().values() for value in values]
            parts.append(f"{what}: {', '.join(only) or 'all'}")
    return "; ".join(parts)


def _try(name: str, file: SinksFile, settings: Settings) -> int:
    from agents.deliver import make_senders

    assert settings.sinks is not None
    sender = make_senders(file, settings.sinks.parent, wall_ms)[name]

    async def tell() -> list[Attempt]:
        attempts = []
        for delivery in example_deliveries(name):
            attempts += await sender.send([delivery])
        await sender.close()
        return attempts

    counts = Counter(attempt.outcome for attempt in asyncio.run(tell()))
    print(f"{name}: " + ", ".join(f"{count} {outcome}" for outcome, count in counts.items()))
    return 0 if set(counts) == {Outcome.DELIVERED} else 1


def _undelivered(args: argparse.Namespace, settings: Settings) -> int:
    records = _read(settings, [UNDELIVERED], args.since)
    letters = sorted(letters_among(records, args.sink, args.until), key=lambda letter: -letter.at_ms)
    counts = Counter((letter.sink, letter.reason) for letter in letters)
    if args.json:
        print(json.dumps([{"sink": s, "reason": r, "events": n} for (s, r), n in counts.items()]))
        return 0
    for (sink, reason), count in counts.most_common():
        print(f"{count:>8,}  {sink:<20} {reason}")
    for letter in letters[: args.limit]:
        at = instant_of(letter.at_ms).isoformat(timespec="seconds")
        print(f"{at}  {letter.sink}  {letter.event_id}  {letter.reason} after {letter.attempts} attempts")
    print(f"{len(letters):,} events were given up; they are kept for 7 days")
    return 0


def _replay(args: argparse.Namespace, file: SinksFile, settings: Settings) -> int:
    name = _named(file, args.sink)
    if args.undelivered:
        letters = letters_among(_read(settings, [UNDELIVERED], args.since), name, args.until)
        requests = requests_of_letters(letters)
    elif args.since is None:
        raise CommandError("from when on?", f"controltower sinks replay {name} --since 6h")
    else:
        records = _read(settings, [EXCEPTIONS, DISPATCH], args.since)
        requests = requests_of_events(records, name, file.sinks[name], args.until)
    count = sum(1 for _ in requests) if args.dry_run else _write(requests, settings)
    print(f"{name} {'would be' if args.dry_run else 'is'} told {count:,} events again")
    return 0


def _read(settings: Settings, topics: list[str], since: int | None) -> Iterator[Record]:
    brokers = reach_kafka(settings)
    with ProgressShown(f"reading {', '.join(topics)}", "records", None) as progress:
        for record in read_topic(
            brokers,
            topics,
            security=settings.security(),
            since_ms=since,
            expect=lambda total: progress.set(0, total),
        ):
            progress.advance()
            yield record


def _write(requests: Iterable[Out], settings: Settings) -> int:
    """Batch by batch, each whole or not at all; asking twice does no harm."""
    writer = TransactionWriter(
        reach_kafka(settings),
        settings.security(),
        f"{settings.app_id}-sinks-replay",
        settings.limits(),
        BrokerClock(),
    )
    writer.take_over()
    count, rest = 0, iter(requests)
    while batch := list(islice(rest, _AT_ONCE)):
        writer.write(Commit(batch), "", 0, [])
        count += len(batch)
    return count
