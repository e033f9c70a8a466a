"""CPU per record of the track stage's fold alone: no broker, one process.

python -m tests.bench.bench_fold [--gtfs FOLDER] [--copies 8] [--poll 500] [--rounds 3]

A recorded or simulated day, copied to many routes, is folded poll by poll; outputs and changed states are
encoded as for the transaction. Three kinds of rounds by turns: as shipped, with one question per route, and
with statuses only where motion or exceptions change besides.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import time
from pathlib import Path

import msgspec

from controltower.route.fold import TrackFold
from controltower.route.limits import DEFAULT_LIMITS, Limits
from controltower.streaming.stage import Record
from schemas.topics import ROUTE_EVENTS
from tests.bench.bench_track import copies_of, route_events

NEVER_MS = 10**12
_NO_QUESTIONS = msgspec.structs.replace(DEFAULT_LIMITS, score_every_ms=NEVER_MS, score_slack_ms=NEVER_MS)
NO_STATUS = msgspec.structs.replace(_NO_QUESTIONS, status_every_ms=NEVER_MS, status_latest_ms=NEVER_MS)
KINDS = {"as shipped": DEFAULT_LIMITS, "without questions": _NO_QUESTIONS, "nor statuses": NO_STATUS}


def log_of(gtfs: Path | None, copies: int) -> list[Record]:
    """The log of one partition, outside of the fold's garbage collections."""
    outs = [o for o in copies_of(route_events(gtfs), copies) if o.partition in (None, 0)]
    records = [Record(ROUTE_EVENTS, 0, i, 0, None, out.value) for i, out in enumerate(outs)]
    gc.collect()
    gc.freeze()
    return records


def measure(records: list[Record], poll: int, limits: Limits) -> float:
    """CPU microseconds per record."""
    fold = TrackFold(0, 1, lambda: 0, limits)
    began = time.process_time()
    for at in range(0, len(records), poll):
        fold.fold(records[at : at + poll])
    return (time.process_time() - began) / len(records) * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gtfs", type=Path)
    parser.add_argument("--copies", type=int, default=8)
    parser.add_argument("--poll", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    records = log_of(options.gtfs, options.copies)
    costs: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for _ in range(options.rounds):
        for kind, limits in KINDS.items():
            costs[kind].append(measure(records, options.poll, limits))
    print(f"{len(records):,} records, us CPU each: least, median, most of {options.rounds} rounds")
    for kind, us in costs.items():
        print(f"{kind:>18} {min(us):6.1f} {statistics.median(us):6.1f} {max(us):6.1f}")


if __name__ == "__main__":
    main()
