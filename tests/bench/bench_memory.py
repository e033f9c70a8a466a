"""What a route underway holds in memory and in the changelog, and of which parts that is.

python -m tests.bench.bench_memory [--gtfs FOLDER]

The recorded day runs through all stages up to the middle of its positions. Then part after part of each route
underway is dropped, and what that frees is counted (`tracemalloc`): what routes share, such as names, frees
nothing. Routes that the delay model has answered are a line of their own.
"""

from __future__ import annotations

import argparse
import gc
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

from controltower.gtfs.folder import read_recorded_day
from controltower.route.evidence import START
from controltower.route.fold import TrackFold
from controltower.route.packed import PACKED_START
from controltower.route.route import Route
from controltower.route.snapshots import Trail, encode_with
from controltower.route.state import Risk, RouteState, Told
from controltower.streaming.stage import Record
from schemas.topics import ROUTE_EVENTS
from tests.bench.bench_full import recorded_day
from tests.bench.measure_volumes import is_scan, run_day
from tests.bench.measuring import table

_POLL = 500
_NOTHING, _NO_RISK, _NOT_TOLD = RouteState(""), Risk(), Told()
_NO_TRAIL = Trail(_NOTHING)


def _drop_fixes(route: Route) -> None:
    route.trail.fixes = b""


def _drop_base(route: Route) -> None:
    route.trail.kept = (PACKED_START, *route.trail.kept[1:])


def _drop_kept(route: Route) -> None:
    route.trail.kept = _NO_TRAIL.kept


def _drop_newest(route: Route) -> None:
    route.trail.now = START


def _drop_risk(route: Route) -> None:
    route.state.risk = _NO_RISK


def _drop_told(route: Route) -> None:
    route.state.told = _NOT_TOLD


def _drop_state(route: Route) -> None:
    route.state, route.trail = _NOTHING, _NO_TRAIL


def _drop_plan(route: Route) -> None:
    route.plan = None


#: In this order: what two of them share counts for the later one.
PARTS: tuple[tuple[str, Callable[[Route], None]], ...] = (
    ("fixes", _drop_fixes),
    ("base", _drop_base),
    ("snapshots to go back to", _drop_kept),
    ("newest snapshot", _drop_newest),
    ("risk and answers", _drop_risk),
    ("what was told", _drop_told),
    ("the rest of the state", _drop_state),
    ("plan", _drop_plan),
)


def fold_half(log: Sequence[Record]) -> TrackFold:
    """The routes in the middle of the positions; garbage is collected, and memory traced from here on."""
    half = (log[0].timestamp_ms + max(r.timestamp_ms for r in log if is_scan(r))) // 2
    records = [r for r in log if r.timestamp_ms <= half]
    fold = TrackFold(0, 1, lambda: 0)
    tracemalloc.start()
    for start in range(0, len(records), _POLL):
        fold.fold(records[start : start + _POLL])
    gc.collect()
    return fold


def weigh(name: str, routes: Sequence[Route]) -> list[str]:
    """A row: what of these routes stands in the changelog, and what each part of them frees, per route."""
    in_changelog = [len(encode_with(route.state, route.trail)) for route in routes]
    freed, before = [], _traced()
    for _, drop in PARTS:
        for route in routes:
            drop(route)
        left = _traced()
        freed.append(round((before - left) / len(routes)))
        before = left
    sizes = f"{round(median(in_changelog))} and {max(in_changelog)}"
    return [f"{name}, {len(routes)} routes", sizes, *map(str, (sum(freed[:-1]), *freed))]


def _traced() -> int:
    """Bytes at this moment; a full collection also gives back what the interpreter keeps for the next list or
    number."""
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gtfs", type=Path, default=recorded_day())
    options = parser.parse_args()
    if options.gtfs is None:
        parser.error("no recorded day at hand; name its folder with --gtfs")
    day = read_recorded_day(options.gtfs)
    fold = fold_half(run_day(day.plans, day.arrivals()).logs[ROUTE_EVENTS])
    underway = [
        route
        for plan in day.plans
        if (route := fold.find_route(plan.route_id)) is not None
        and route.plan is not None
        and route.trail.now.progress.departed_ms
    ]
    groups = (("without answers", False), ("with answers", True))
    rows = [
        weigh(name, routes)
        for name, answered in groups
        if (routes := [r for r in underway if bool(r.state.risk.answered[0]) is answered])
    ]
    heads = ["bytes a route", "changelog, median and largest", "state", *(name for name, _ in PARTS)]
    print(table(heads, rows))


if __name__ == "__main__":
    main()
