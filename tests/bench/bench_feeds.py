"""CPU per scan of reading carriers' payloads, as normalize does it: no broker, one process.

python -m tests.bench.bench_feeds [--rounds 5] [--limit-us 30]

Recorded JSON payloads of real carriers, and the samples of the shipped dialects. Each payload is read many
times; the least of the rounds counts, since the machine only ever adds. `all JSON` is the cost of all scans
of the recorded JSON payloads together, which the limit is for. Exit code 1 beyond the limit.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from controltower.clock import instant_of
from controltower.feeds.registry import Feed, load_feeds
from schemas.wire import Source
from tests.unit.payloads import NOW_MS, samples_of

_CARRIERS = Path(__file__).parents[3] / "shared" / "data" / "carriers"
_DIALECTS = ("gtfs-rt", "metroline", "plain", "swiftpost")
_TIMES = 300


def measure(feed: Feed, value: bytes, rounds: int) -> tuple[int, float]:
    """Scans of a payload, and the least CPU microseconds that reading it took."""
    at, where = instant_of(2 * NOW_MS), Source("carrier-events", 0, 0)
    scans = len(feed.read_all(value, at, where, b"K").scans)
    costs = []
    for _ in range(rounds):
        began = time.process_time()
        for _ in range(_TIMES):
            feed.read_all(value, at, where, b"K")
        costs.append((time.process_time() - began) / _TIMES * 1e6)
    return scans, min(costs)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--limit-us", type=float, default=30)
    options = parser.parse_args()
    feeds = load_feeds()
    recorded = [path for path in sorted(_CARRIERS.glob("*/*")) if not path.name.endswith(".truth.json")]
    cases = [(path.parent.name, path.read_bytes()) for path in recorded]
    cases += [(name, json.dumps(samples_of(name)[0]).encode()) for name in _DIALECTS]
    scans_in_all, us_in_all = 0, 0.0
    print(f"{'feed':<16} {'bytes':>7} {'scans':>6} {'us a scan':>10}")
    for name, value in cases:
        scans, us = measure(feeds[name], value, options.rounds)
        print(f"{name:<16} {len(value):>7,} {scans:>6} {us / scans:>10.1f}")
        if name not in _DIALECTS and feeds[name].spec.format == "json":
            scans_in_all, us_in_all = scans_in_all + scans, us_in_all + us
    if not scans_in_all:
        return 0
    print(f"{'all JSON':<16} {'':>7} {scans_in_all:>6} {us_in_all / scans_in_all:>10.1f}")
    return int(us_in_all / scans_in_all > options.limit_us)


if __name__ == "__main__":
    sys.exit(main())
