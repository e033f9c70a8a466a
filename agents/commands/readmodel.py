"""Fill the read model anew from the topics, or say how much memory it takes.

rebuild: everything in Redis that is ours is removed; the running stage project notices within seconds and
reads its topics again from their beginning. The scan path does not notice. Screens are incomplete until then.

size: how many keys of each kind there are, and what one takes.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable

from agents.errors import CommandError
from agents.options import add_brokers, reach_kafka
from agents.progress import ProgressShown
from controltower.offline.record_spans import find_record_spans
from controltower.readmodel.rows import KINDS
from controltower.readmodel.store import RedisStore, StoreDown, connect
from controltower.settings import Settings

HELP = "fill the read model anew, or say what it takes"
_EVERY_S = 0.5
_SAMPLE = 200


def configure(parser: argparse.ArgumentParser) -> None:
    what = parser.add_subparsers(dest="what", metavar="WHAT", required=True)
    rebuild = what.add_parser("rebuild", help="remove it and let the stage project fill it again")
    rebuild.add_argument("--yes", action="store_true", help="do not ask")
    rebuild.add_argument(
        "--within", type=float, default=600.0, metavar="S", help="give up after this long (%(default)s)"
    )
    add_brokers(rebuild)
    what.add_parser("size", help="keys and memory by kind")


def run(args: argparse.Namespace, settings: Settings) -> int:
    store = connect(settings.redis_url, **settings.redis_sign_in())
    try:
        return _size(store) if args.what == "size" else _rebuild(args, settings, store)
    except StoreDown as down:
        raise CommandError(f"the read model does not answer: {down}", "controltower doctor") from None


def _size(store: RedisStore) -> int:
    for kind, (keys, each) in store.memory(_SAMPLE).items():
        print(f"{kind:<12} {keys:>9,} keys  {each:>8,.0f} B each  {keys * each / 1e6:>8,.1f} MB")
    return 0


def _rebuild(args: argparse.Namespace, settings: Settings, store: RedisStore) -> int:
    brokers = reach_kafka(settings)
    if not args.yes:
        _ask(settings.redis_url)
    spans = find_record_spans(brokers, settings.security(), KINDS, settings.partitions)
    print(f"removed {store.forget():,} keys; the stage project reads its topics again")

    def left() -> list[int]:
        stored = store.positions(settings.partitions)
        return [max(0, end - max(stored.get(place, 0), first)) for place, (first, end) in spans.items()]

    _watch(left, args.within)
    print("the read model is complete again")
    return 0


def _watch(left: Callable[[], list[int]], within_s: float) -> None:
    """Until the store stands behind the last record of every partition."""
    deadline = time.monotonic() + within_s
    ahead = left()
    total = sum(ahead)
    with ProgressShown("read model", "records", total) as progress:
        while any(ahead):
            if time.monotonic() > deadline:
                raise CommandError(
                    f"{sum(ahead):,} records are still to be read after {within_s:.0f} s",
                    "is the stage project running? controltower doctor",
                )
            time.sleep(_EVERY_S)
            ahead = left()
            progress.set(total - sum(ahead))


def _ask(url: str) -> None:
    if not sys.stdin.isatty():
        raise CommandError("nobody here to confirm it", "say --yes")
    if input(f"empty the read model at {url} and fill it again? [y/N] ").strip().lower() != "y":
        raise CommandError("nothing was changed")
