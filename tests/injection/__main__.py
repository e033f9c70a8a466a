"""Write a folder like `wmata_injected` with other events, places, times and noise.

python -m tests.injection --seed 7 --out DIR [--base ../shared/data/wmata] [--no-path]
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from controltower.gtfs.folder import read_recorded_day
from controltower.route.path import METRES_PER_DEGREE
from controltower.route.plan import RoutePlan, parse_plan
from tests.injection.kinds import DUE, KINDS
from tests.injection.trip import Report, Trip

_TABLES = ("agency", "shapes", "stop_times", "stops", "trips")


def read_trips(base: Path) -> list[Trip]:
    """The trips of a recorded day that have a plan."""
    plans = {plan.route_id.partition("@")[0]: parse_plan(plan) for plan in read_recorded_day(base).plans}
    trips: dict[str, Trip] = {}
    with (base / "vehicle_positions.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            plan = plans.get(row["trip_id"])
            if plan is not None:
                x, y = plan.frame.to_xy(float(row["latitude"]), float(row["longitude"]))
                trip = trips.setdefault(row["trip_id"], Trip(row["trip_id"], plan, []))
                trip.reports.append(Report(float(row["timestamp"]), x, y, row))
    return [trip for _, trip in sorted(trips.items())]


def inject(trips: list[Trip], chance: random.Random) -> list[dict[str, Any]]:
    """Put each kind into as many trips as it wants, one a trip; the truth about all of them."""
    free, truths = trips[:], []
    chance.shuffle(free)
    for name, kind, wanted in KINDS:
        for trip in list(free):
            if not wanted:
                break
            if len(trip.reports) < 60:
                continue
            before = trip.reports[:], trip.moved
            truth = kind(trip, chance)
            if truth is None:
                trip.reports, trip.moved = before
                continue
            free.remove(trip)
            wanted -= 1
            truths.append({"trip_id": int(trip.trip_id), **truth, "how": truth.get("how", name)})
    return truths


def find_natural(trip: Trip, injected: dict[str, Any] | None) -> dict[str, Any]:
    """What the trip contains besides: halts, stretches off the path, gaps; and whether it ends well."""
    spans: list[list[float]] = []
    ahead_s = injected.get("ahead_s", 0) if injected is not None else 0
    reports = [replace(r, at_s=r.at_s - ahead_s) for r in trip.reports]
    for i, r in enumerate(reports):
        j = i
        while j + 1 < len(reports) and _within(reports[j + 1], r, 75):
            j += 1
        if reports[j].at_s - r.at_s >= 400:
            spans.append([r.at_s, reports[j].at_s])
        if i and r.at_s - reports[i - 1].at_s >= 270:
            spans.append([reports[i - 1].at_s, r.at_s])
    off = [r.at_s for r in reports if trip.off_path_m(r) > 60]
    spans += [[at - 30, at + 30] for at in off]
    if injected is not None and injected["kind"] in DUE:
        low, high = injected["start"] - 90, injected["end"] + 90
        spans = [span for span in spans if span[1] < low or span[0] > high]
    complete = trip.along()[-1] > trip.plan.stops[-1].along_m - 450
    return {"trip_id": int(trip.trip_id), "spans": spans, "last": reports[-1].at_s, "complete": complete}


def _within(a: Report, b: Report, reach_m: float) -> bool:
    return (a.x - b.x) ** 2 + (a.y - b.y) ** 2 <= reach_m * reach_m


def write(out: Path, base: Path, trips: list[Trip], chance: random.Random, no_path: bool) -> None:
    """Rows in order of arrival: 2 % late, 4 % twice."""
    rows: list[tuple[float, dict[str, str]]] = []
    for number, trip in enumerate(trips):
        for r in trip.reports:
            row = _row(trip.plan, r, str(90_000 + number) if trip.moved else r.row["vehicle_id"])
            delay_s = chance.uniform(20, 85) if chance.random() < 0.02 else 1 + chance.expovariate(0.6)
            arrived_s = max(r.arrived_s, (r.arrived_s or r.at_s) + delay_s)
            rows.append((arrived_s, row))
            if chance.random() < 0.04:
                rows.append((arrived_s + chance.uniform(1, 20), row))
    rows.sort(key=lambda entry: entry[0])
    out.mkdir(parents=True, exist_ok=True)
    for table in _TABLES:
        if not (no_path and table == "shapes"):
            shutil.copyfile(base / f"{table}.csv", out / f"{table}.csv")
    with (out / "vehicle_positions.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, [*rows[0][1], "arrived_at"])
        writer.writeheader()
        writer.writerows({**row, "arrived_at": f"{arrived_s:.1f}"} for arrived_s, row in rows)


def _row(plan: RoutePlan, r: Report, vehicle_id: str) -> dict[str, str]:
    lat = plan.frame.lat + r.y / METRES_PER_DEGREE
    lon = plan.frame.lon + r.x / plan.frame.x_scale
    place = {"latitude": f"{lat:.7f}", "longitude": f"{lon:.7f}"}
    return {**r.row, **place, "timestamp": str(round(r.at_s)), "vehicle_id": vehicle_id}


def make(base: Path, out: Path, seed: int, no_path: bool = False) -> list[dict[str, Any]]:
    """A folder with its truth.json and natural.json; the same seed gives the same folder."""
    chance = random.Random(seed)
    trips = read_trips(base)
    truths = inject(trips, chance)
    told = {truth["trip_id"]: truth for truth in truths}
    write(out, base, trips, chance, no_path)
    (out / "truth.json").write_text(json.dumps(truths))
    natural = [find_natural(trip, told.get(int(trip.trip_id))) for trip in trips]
    (out / "natural.json").write_text(json.dumps(natural))
    return truths


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--base", type=Path, default=Path("../shared/data/wmata"))
    parser.add_argument("--no-path", action="store_true", help="leave the planned paths out")
    options = parser.parse_args()
    truths = make(options.base, options.out, options.seed, options.no_path)
    print(f"{len(truths)} trips changed; written to {options.out}")


if __name__ == "__main__":
    main()
