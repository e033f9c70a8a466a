"""Mappings and unknown codes in the running system: publish, unmapped, renormalize."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agents.errors import CommandError
from agents.options import add_brokers, reach_kafka, since_ms
from agents.progress import ProgressShown
from controltower.feeds.registry import Feed, load_feed, load_feeds
from controltower.feeds.renormalize import Renormalizing
from controltower.feeds.unmapped import UNMAPPED_KEY, UnknownCode, decode_codes
from controltower.feeds.versions import MAPPING_KEY, Version, decode_version, write_versions
from controltower.offline.broker import find_partitions
from controltower.settings import Settings
from controltower.streaming.broker_clock import BrokerClock
from controltower.streaming.client import read_topic
from controltower.streaming.stage import Commit, Out, Record
from controltower.streaming.writer import TransactionWriter
from schemas.topics import CARRIER_EVENTS, changelog_of

_CHANGELOG = changelog_of("normalize")
_MOST_RECORDS = 500


def publish(args: argparse.Namespace, settings: Settings) -> int:
    """Append a mapping file as the next version of its feed, to every partition in one transaction."""
    feed = load_feed(args.file)
    brokers = reach_kafka(settings)
    partitions = find_partitions(brokers, settings.security()).get(CARRIER_EVENTS, 0)
    if not partitions:
        raise CommandError(f"there is no topic {CARRIER_EVENTS}", "controltower topics create")
    number = max((version.number for _, version in _versions(settings, feed.name)), default=0) + 1
    version = Version(number, args.file.read_text(encoding="utf-8"))
    _writer(settings).write(Commit(write_versions(feed, version, partitions)), "", 0, [])
    print(f"{feed.name}: version {number} takes effect with the next record of each partition")
    print(f"  controltower feeds renormalize {feed.name}   reads what came before anew")
    return 0


def _writer(settings: Settings) -> TransactionWriter:
    """Fences whoever publishes or renormalizes at the same time."""
    name = f"{settings.app_id}-feeds"
    writer = TransactionWriter(
        reach_kafka(settings), settings.security(), name, settings.limits(), BrokerClock()
    )
    writer.take_over()
    return writer


def _read(settings: Settings, topic: str, since_ms: int | None = None) -> Iterator[Record]:
    with ProgressShown(f"reading {topic}", "records", None) as progress:
        for record in read_topic(
            reach_kafka(settings),
            [topic],
            security=settings.security(),
            since_ms=since_ms,
            expect=lambda total: progress.set(0, total),
        ):
            progress.advance()
            yield record


def _latest(settings: Settings, start: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Live changelog entries of normalize whose key begins so, of every partition."""
    entries = {
        (record.partition, record.key): record.value
        for record in _read(settings, _CHANGELOG)
        if record.key is not None and record.key.startswith(start)
    }
    return ((key, value) for (_, key), value in entries.items() if value is not None)


def _versions(settings: Settings, feed: str) -> list[tuple[Feed, Version]]:
    """The version in force in each partition that has one."""
    return [decode_version(value) for _, value in _latest(settings, MAPPING_KEY + feed.encode())]


def unmapped(args: argparse.Namespace, settings: Settings) -> int:
    """Every unknown code, the most frequent first."""
    totals: dict[tuple[str, str], UnknownCode] = {}
    for key, value in _latest(settings, UNMAPPED_KEY):
        feed = key[len(UNMAPPED_KEY) :].decode()
        for code, found in decode_codes(value).items():
            if args.feed in (None, feed):
                totals[feed, code] = _add(totals.get((feed, code)), found)
    rows = [
        {
            "feed": feed,
            "code": code,
            "events": found.events,
            "first_at": _instant(found.first_ms),
            "last_at": _instant(found.last_ms),
            "text": found.text,
        }
        for (feed, code), found in sorted(totals.items(), key=lambda entry: -entry[1].events)
    ]
    if args.json:
        print(json.dumps(rows, indent=1))
        return 0
    for row in rows:
        print(
            f"{row['feed']:<16} {row['code']:<24} {row['events']:>8,}  {row['last_at']}  {row['text'] or ''}"
        )
    print(f"{len(rows)} unknown codes")
    return 0


def _add(known: UnknownCode | None, found: UnknownCode) -> UnknownCode:
    if known is None:
        return found
    first, last = min(known.first_ms, found.first_ms), max(known.last_ms, found.last_ms)
    return UnknownCode(known.events + found.events, first, last, known.text or found.text)


def _instant(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms // 1000, UTC).isoformat().replace("+00:00", "Z")


def renormalize(args: argparse.Namespace, settings: Settings) -> int:
    """Append anew what the newest version of a feed's mapping reads differently."""
    shipped = load_feeds(settings.feeds_dir).get(args.feed)
    in_force = _versions(settings, args.feed)
    if not in_force:
        raise CommandError(
            f"no version of the mapping of {args.feed!r} stands in the log",
            "controltower feeds publish FILE.yaml comes first, with normalize running",
        )
    now = max(in_force, key=lambda found: found[1].number)[0]
    work = Renormalizing(shipped or now, now)
    chosen = work.choose(_read(settings, CARRIER_EVENTS, args.since))
    writer = None if args.dry_run else _writer(settings)
    for batch in _batches(work.copy(record) for record in chosen):
        if writer is not None:
            writer.write(Commit(batch), "", 0, [])
    would = "would be " if args.dry_run else ""
    print(f"{work.counts['read']:,} records of {args.feed}; {work.counts['chosen']:,} {would}appended anew")
    return 0


def _batches(outs: Iterable[Out]) -> Iterator[list[Out]]:
    batch: list[Out] = []
    for out in outs:
        batch.append(out)
        if len(batch) == _MOST_RECORDS:
            yield batch
            batch = []
    if batch:
        yield batch


def configure_log(commands: Any) -> None:
    """The subcommands that need Kafka."""
    put = commands.add_parser("publish", help="make a mapping file the next version of its feed")
    put.add_argument("file", type=Path, metavar="FILE.yaml")
    unknown = commands.add_parser("unmapped", help="codes that no mapping knows")
    unknown.add_argument("feed", nargs="?", metavar="FEED")
    unknown.add_argument("--json", action="store_true", help="JSON instead of text")
    again = commands.add_parser("renormalize", help="read stored records anew by the newest mapping")
    again.add_argument("feed", metavar="FEED")
    again.add_argument("--dry-run", action="store_true", help="only count")
    again.add_argument(
        "--since", type=since_ms, metavar="TIME", help="received since: 2026-03-02T08:00:00Z, or 90m, 6h, 2d"
    )
    for parser in (put, unknown, again):
        add_brokers(parser)
