"""How fast the read API answers on a real Redis: 5,000 routes and 500 open exceptions, over HTTP on loopback.

    python -m tests.bench.bench_readapi [--routes 5000] [--exceptions 500] [--requests 300]

Prints the median and p99 per request, for a board read anew each time and for one that is fresh enough.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable

import httpx
import numpy as np

from controltower.embedded.redis import EmbeddedRedis
from controltower.readapi.boards import FRESH_FOR_S
from controltower.readmodel.store import connect
from tests.unit.readmodel_records import as_record, begun, status
from tests.unit.recovery_day import exception


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--routes", type=int, default=5_000)
    parser.add_argument("--exceptions", type=int, default=500)
    parser.add_argument("--requests", type=int, default=300)
    args = parser.parse_args()
    with EmbeddedRedis() as server:
        fill(server.url, args.routes, args.exceptions)
        environment = {**os.environ, "CONTROLTOWER_REDIS_URL": server.url}
        command = [sys.executable, "-m", "agents.cli", "api", "--port", "0"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
            assert process.stdout is not None
            try:
                measure(process.stdout.readline().split()[-1], args)
            finally:
                process.terminate()


def fill(url: str, routes: int, exceptions: int) -> None:
    fold = begun(connect(url))
    records = [as_record(status(1, route=f"route-{number:06d}"), number) for number in range(routes)]
    records += [
        as_record(exception(number % 600, name=f"exception-{number:06d}"), number)
        for number in range(exceptions)
    ]
    for start in range(0, len(records), 500):
        fold.fold(records[start : start + 500])


def measure(url: str, args: argparse.Namespace) -> None:
    with httpx.Client(base_url=url, timeout=30) as client:
        for kind, limit in (("routes", args.routes), ("exceptions", args.exceptions)):
            path = f"{kind}?limit={min(limit, 10_000)}"
            body = client.get(path)
            print(
                f"{kind}: {len(body.json()['items']):,} of {body.json()['total']:,}, {len(body.content):,} B"
            )

            def ask(path: str = path) -> None:
                client.get(path).raise_for_status()

            report("  read anew", ask, max(10, args.requests // 10), FRESH_FOR_S)
            report("  fresh enough", ask, args.requests, 0.0)


def report(name: str, ask: Callable[[], None], requests: int, pause_s: float) -> None:
    """pause_s: between two requests, so that each finds the board too old."""
    took_ms = list[float]()
    for _ in range(requests):
        time.sleep(pause_s)
        start = time.perf_counter()
        ask()
        took_ms.append(1000 * (time.perf_counter() - start))
    print(
        f"{name}: median {np.median(took_ms):.1f} ms, p99 {np.percentile(took_ms, 99):.1f} ms of {requests}"
    )


if __name__ == "__main__":
    main()
