"""CPU per event from a carrier's raw bytes through all stages, on a real Kafka and Redis, stage by stage.

python -m tests.bench.bench_whole [--gtfs FOLDER] [--copies 480] [--minutes 7] [--rounds 3] [--workers 1,2]

Some minutes of a day, copied to many routes, are sent as fast as Kafka takes them: what a peak is like, where
there are more vehicles and time goes as ever. Plans, and the two minutes before, are no part of the figures.
`--minutes 0` plays all of the day, whose clock records are then a large share. An event is a report of a
vehicle. With two workers each stage has two processes.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from controltower.capacity.figures import Figure, save_figures
from controltower.streaming.client import produce_all
from schemas.topics import STAGES
from tests.bench.bench_full import recorded_day
from tests.bench.check import machine_kind
from tests.bench.copied_day import PARTITIONS, CopiedDay, copied_day
from tests.bench.measuring import spread, table, told
from tests.bench.whole_tower import WholeTower
from tests.kafka import real_kafka_or_reason

Costs = dict[str, float]


def measure(brokers: str, day: CopiedDay, workers: int, folder: Path) -> tuple[Costs, float]:
    """Microseconds of CPU per report by stage, and the reports per second of wall time."""
    with WholeTower(brokers, folder, workers, PARTITIONS) as whole:
        for stage in ("normalize", "track"):
            print(f"  {stage} owns {whole.owned(stage)}", file=sys.stderr, flush=True)
        started = time.monotonic()
        before = whole.open(day)
        print(f"  opened after {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
        began = time.monotonic()
        produce_all(brokers, day.reports())
        after = whole.wait_drained()
        seconds = time.monotonic() - began
    events = day.measured
    return {stage: (after[stage] - before[stage]) / events * 1e6 for stage in STAGES}, events / seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gtfs", type=Path, default=recorded_day())
    parser.add_argument("--copies", type=int, default=480)
    parser.add_argument("--minutes", type=int, default=7, help="of the middle of the day; 0: all of it")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", default="1,2", help="numbers of workers to compare")
    parser.add_argument("--write", action="store_true", help="into controltower/capacity/measured.json")
    options = parser.parse_args()
    day = copied_day(options.gtfs, options.copies, options.minutes or None)
    numbers = [int(number) for number in options.workers.split(",")]
    costs: dict[int, list[Costs]] = {number: [] for number in numbers}
    rates: dict[int, list[float]] = {number: [] for number in numbers}
    with real_kafka_or_reason() as kafka:
        for turn in range(options.rounds):
            for number in numbers:
                print(f"round {turn + 1}: workers {number}", file=sys.stderr, flush=True)
                with tempfile.TemporaryDirectory() as folder:
                    cost, rate = measure(kafka.brokers, day, number, Path(folder))
                costs[number].append(cost)
                rates[number].append(rate)
    print(f"{day.measured:,} reports of {len(day.plans):,} routes, us CPU each: least / median / most")
    print(report(costs, rates))
    if options.write:
        save_figures(figures(costs[numbers[0]]), machine_kind())


def figures(rounds: list[Costs]) -> dict[str, Figure]:
    """The medians as capacity figures; a scan of a parcel costs the other stages no more than a position."""
    origin = "python -m tests.bench.bench_whole --write, median"
    found = {}
    for stage in STAGES:
        us = round(spread(cost[stage] for cost in rounds)[1], 1)
        found[f"position_us.{stage}"] = Figure(us, "us/position", origin)
        if stage != "assign":
            found[f"scan_us.{stage}"] = Figure(us, "us/scan", "as for a position: an upper bound")
    return found


def report(costs: dict[int, list[Costs]], rates: dict[int, list[float]]) -> str:
    """A column per number of workers, a row per stage and their sum."""
    head = ["stage", *(f"{number} worker{'s' * (number > 1)}" for number in costs)]
    rows = [
        [stage, *(told(spread(cost[stage] for cost in rounds)) for rounds in costs.values())]
        for stage in STAGES
    ]
    rows.append(["all", *(told(spread(sum(c.values()) for c in rounds)) for rounds in costs.values())])
    rows.append(["reports/s", *(told(spread(rate), 0) for rate in rates.values())])
    return table(head, rows)


if __name__ == "__main__":
    main()
