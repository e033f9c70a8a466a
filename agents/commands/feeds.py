"""Feeds of carriers: which there are, what their payloads become, and what to do about unknown codes.

controltower feeds list                              every feed that can be read
controltower feeds new NAME --sample FILE            draft a mapping from a payload
controltower feeds test FEED FILE...                 what each payload and event becomes, and why not
controltower feeds test acme --mapping acme.yaml day.json --json
controltower feeds status                            how they do: silence, delays, unmapped codes, disorder
controltower feeds schema                            JSON Schema of a mapping, for an editor
controltower feeds unmapped                          codes that no mapping knows
controltower feeds publish FILE.yaml                 make a mapping the next version of its feed
controltower feeds renormalize FEED                  read what came before anew, by the newest version

docs/feeds.md explains how to add a feed.
"""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

from agents.errors import CommandError
from agents.feed_status_shown import latest, print_status
from agents.feeds_log import configure_log, publish, renormalize, unmapped
from agents.feeds_shown import print_feeds, print_tests, summarize
from agents.options import add_brokers, require_kafka
from controltower.feeds.draft import draft_mapping
from controltower.feeds.explain import PayloadShown, explain
from controltower.feeds.registry import Feed, load_feed, load_feeds
from controltower.feeds.spec import MappingSpec
from controltower.settings import Settings
from controltower.streaming.client import read_topic
from schemas.topics import FEED_STATUS

HELP = "list feeds; draft, test and publish their mappings; unknown codes"
_LINES = (".jsonl", ".ndjson")


def configure(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(dest="what", metavar="WHAT", required=True)
    listing = commands.add_parser("list", help="every feed that can be read")
    listing.add_argument("--json", action="store_true", help="JSON instead of text")
    new = commands.add_parser("new", help="draft a mapping from a sample payload")
    new.add_argument("feed", metavar="NAME")
    new.add_argument("--sample", type=Path, required=True, metavar="FILE")
    new.add_argument("--carrier", help="default: the name of the feed")
    new.add_argument("--zone", metavar="ZONE", help="of times without an offset, such as Europe/Paris")
    new.add_argument("--out", type=Path, metavar="FILE.yaml", help="default: standard output")
    _configure_test(commands.add_parser("test", help="what payloads become, line by line"))
    status = commands.add_parser("status", help="how the feeds do, from the topic feed-status")
    status.add_argument("--json", action="store_true", help="JSON instead of text")
    add_brokers(status)
    commands.add_parser("schema", help="JSON Schema of a mapping file")
    configure_log(commands)


def _configure_test(test: argparse.ArgumentParser) -> None:
    test.add_argument("feed", metavar="FEED")
    test.add_argument(
        "files", nargs="+", metavar="FILE", help="a payload each; .jsonl: one per line; -: stdin"
    )
    test.add_argument("--mapping", type=Path, metavar="FILE.yaml", help="this mapping instead of the feed's")
    test.add_argument("--key", help="key of the records (default: the file's name without its ending)")
    test.add_argument(
        "--received-at", type=_instant, metavar="TIME", help="when it was received; default: now"
    )
    test.add_argument("--strict", action="store_true", help="exit code 1 if anything is rejected or unmapped")
    test.add_argument("--json", action="store_true", help="JSON instead of text")


def run(args: argparse.Namespace, settings: Settings) -> int:
    match args.what:
        case "list":
            print_feeds(load_feeds(settings.feeds_dir), as_json=args.json)
        case "new":
            return _draft(args)
        case "status":
            records = read_topic(require_kafka(settings), [FEED_STATUS], security=settings.security())
            print_status(latest(records), as_json=args.json)
        case "schema":
            print(json.dumps(MappingSpec.model_json_schema(by_alias=True), indent=2))
        case "test":
            return _test(args, settings)
        case "publish":
            return publish(args, settings)
        case "unmapped":
            return unmapped(args, settings)
        case "renormalize":
            return renormalize(args, settings)
    return 0


def _draft(args: argparse.Namespace) -> int:
    sample = _read(args.sample)
    text = draft_mapping(args.feed, args.carrier or args.feed, sample, args.sample.suffix, args.zone)
    if args.out is None:
        print(text, end="")
        return 0
    if args.out.exists():
        raise CommandError(f"{args.out} exists already", "give another --out")
    args.out.write_text(text, encoding="utf-8")
    print(f"{args.out}: fill in what says CHANGE, then")
    print(f"  controltower feeds test {args.feed} {args.sample} --mapping {args.out}")
    return 0


def _test(args: argparse.Namespace, settings: Settings) -> int:
    feed = _find_feed(args, settings)
    received_at = args.received_at or datetime.now(UTC)
    shown: list[tuple[str, PayloadShown]] = []
    for name in args.files:
        key = args.key or ("-" if name == "-" else Path(name).name.split(".")[0])
        for where, payload in _payloads(name, feed):
            shown.append((where, explain(feed, payload, received_at, key.encode())))
    print_tests(feed, shown, as_json=args.json)
    summary = summarize(shown)
    return 1 if args.strict and (summary["rejected"] or summary["unmapped"]) else 0


def _find_feed(args: argparse.Namespace, settings: Settings) -> Feed:
    if args.mapping is not None:
        return load_feed(args.mapping)
    feeds = load_feeds(settings.feeds_dir)
    if args.feed not in feeds:
        raise CommandError(
            f"there is no feed {args.feed!r}",
            f"the feeds are {', '.join(feeds)}; CONTROLTOWER_FEEDS_DIR or --mapping FILE.yaml for your own",
        )
    return feeds[args.feed]


def _payloads(name: str, feed: Feed) -> list[tuple[str, bytes]]:
    content = sys.stdin.buffer.read() if name == "-" else _read(Path(name))
    if Path(name).suffix in _LINES and feed.spec.format == "json":
        lines = [(number, line) for number, line in enumerate(content.splitlines(), 1) if line.strip()]
        return [(f"{name}:{number}", line) for number, line in lines]
    return [(name, content)]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as failed:
        raise CommandError(f"{path} cannot be read: {failed.strerror}") from None


def _instant(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form 2026-03-02T08:00:00Z") from None
    if at.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text!r} says no offset from UTC, such as Z")
    return at
