"""Does an event cost the same however many routes stand in the state, and however many stops they have?

python -m tests.bench.bench_flat [--routes 100 1000 10000 100000] [--stops 20 50 100 200] [--plot FILE.svg]

Vans on rounds with stops every five minutes send a fix every 30 s; all are underway when the clock starts.
Ten routes are folded up to there, a tenth of the routes like each of them; the others take over what these
left in the changelog, under names of their own, so that 100,000 stand there within minutes. Twelve more fixes
of each wake them, and scatter what is kept of them over the memory, before anything is measured.

Every poll has 100 records of 100 routes and a tick, so that each route is written once per poll in every
case. "fold" is decoding, progress, detectors and the changelog; "all" has statuses and questions besides:
they tell every stop left, or look at it, and so grow with the stops.
"""

from __future__ import annotations

import argparse
import gc
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from itertools import count, islice
from pathlib import Path
from types import FrameType
from typing import NamedTuple

import msgspec
import psutil

from controltower.route.fold import STATE_KEY, TrackFold
from controltower.route.limits import DEFAULT_LIMITS, Limits
from controltower.route.plans import PLAN_KEY
from controltower.route.state import decode_state, encode_state
from controltower.route.timeline import from_ms
from controltower.streaming.stage import Record
from schemas import topics, wire
from tests.bench.bench_fold import NO_STATUS
from tests.bench.bench_restore import START_MS, make_plan, make_scan
from tests.bench.delayed import delayed

_POLL = 100
#: Fixes of a route before what happens once on a route (its first place, departure) is over.
_WARM_FIXES = 24
#: Fixes of every route before the measured ones: so many that what fell due for all routes at once, since
#: they were restored with the same times, is over.
_AGED_FIXES = 12
#: Fixes in five minutes.
_PHASES = 10
#: Measured events; a van has arrived before it sends more than so many of them.
_EVENTS, _EVENTS_A_ROUTE = 20_000, 100
#: Each route is looked at once in eight minutes, so these are measured whole.
_LEAST_EVENTS_A_ROUTE = 16
#: So many of them are made before they are folded.
_MADE_AT_ONCE = 50_000
_COUNTED = 2000
#: Calls say nothing about memory, which is what more routes need.
_MOST_COUNTED = 1000
#: Below this a page of memory counts more than a route.
_ROUTES_TO_WEIGH = 1000
_FEWER_ROUNDS_FROM = 20_000
_USUAL_ROUTES, _USUAL_STOPS = 200, 40


class Cost(NamedTuple):
    """Of one case: us of CPU per record for the fold alone and with everything, bytes of and for a state."""

    routes: int
    stops: int
    fold_us: float
    all_us: float
    calls: float
    state_bytes: int
    resident_bytes: int


def _log(routes: int, stops: int, from_fix: int = 0) -> Iterator[bytes]:
    """Rounds of fixes with a tick behind every hundred, without end.

    A tenth of the routes sets out with each round, so that what comes every five minutes comes evenly.
    """
    scan = make_scan(0, 0)
    for fix in count(from_fix):
        at = from_ms(START_MS + fix * 30_000)
        places = [make_scan(0, max(0, fix - phase)).place for phase in range(_PHASES)]
        for route in range(routes):
            named = {"route_id": f"R{route}", "vehicle_id": f"V{route}"}
            moved = msgspec.structs.replace(
                scan, occurred_at=at, received_at=at, place=places[route % _PHASES], **named
            )
            yield wire.encode(moved)
            if route % _POLL == _POLL - 1:
                yield wire.encode(wire.Tick(source="carrier-events/0", sources=1, upto=at))
        if routes < _POLL:
            yield wire.encode(wire.Tick(source="carrier-events/0", sources=1, upto=at))


def _fold_models(stops: int, limits: Limits) -> dict[bytes, bytes]:
    """The changelog of ten routes that are underway, one for each phase."""
    fold, plan = TrackFold(0, 1, lambda: 0, limits), make_plan(0, stops)
    plans = [
        wire.encode(
            msgspec.structs.replace(delayed(plan, timedelta(seconds=30 * phase)), route_id=f"R{phase}")
        )
        for phase in range(_PHASES)
    ]
    changes = fold.fold(
        _records([*plans, *islice(_log(_PHASES, stops), _WARM_FIXES * (_PHASES + 1))])
    ).changes
    return {key: value for key, value in changes if value is not None}


def fill(routes: int, stops: int, limits: Limits) -> tuple[TrackFold, Iterator[bytes]]:
    """So many routes underway and awake, and their log from here on."""
    models, fold = _fold_models(stops, limits), TrackFold(0, 1, lambda: 0, limits)
    states = [decode_state(models[STATE_KEY + b"R%d" % phase]) for phase in range(_PHASES)]
    plans = [models[PLAN_KEY + b"R%d" % phase] for phase in range(_PHASES)]
    for key, value in models.items():
        if not key.startswith((STATE_KEY, PLAN_KEY)):
            fold.restore(key, value)
    for route in range(routes):
        named = {"route_id": f"R{route}", "vehicle_id": f"V{route}"}
        state = msgspec.structs.replace(states[route % _PHASES], **named)
        plan = bytes(bytearray(plans[route % _PHASES]))  # its own, as each plan is
        fold.restore(PLAN_KEY + named["route_id"].encode(), plan)
        fold.restore(STATE_KEY + named["route_id"].encode(), encode_state(state))
    fold.restored()
    log = _log(routes, stops, _WARM_FIXES)
    for _ in range(0, routes * _AGED_FIXES, _POLL):
        fold.fold(_records(islice(log, _POLL + 1)))
    return fold, log


def _records(values: Iterable[bytes]) -> list[Record]:
    return [Record(topics.ROUTE_EVENTS, 0, i, 0, None, value) for i, value in enumerate(values)]


def _with_ticks(fixes: int) -> int:
    return fixes + fixes // _POLL


def count_calls(routes: int, stops: int) -> float:
    """Calls per record of the fold alone, of Python and built-in functions: the same on any machine."""
    (fold, log), calls = fill(routes, stops, NO_STATUS), 0

    def count_call(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    records = _records(islice(log, _with_ticks(_COUNTED)))
    sys.setprofile(count_call)
    for at in range(0, len(records), _POLL + 1):
        fold.fold(records[at : at + _POLL + 1])
    sys.setprofile(None)
    return calls / len(records)


def _count_calls_of(routes: int, stops: int) -> float:
    return count_calls(min(routes, _MOST_COUNTED), stops)


def measure(routes: int, stops: int, limits: Limits) -> tuple[float, int, int]:
    """us of CPU per record, bytes of the largest state, resident bytes per route with its plan."""
    gc.collect()
    before = psutil.Process().memory_info().rss
    fold, log = fill(routes, stops, limits)
    resident = psutil.Process().memory_info().rss - before
    events = max(_LEAST_EVENTS_A_ROUTE * routes, min(_EVENTS, _EVENTS_A_ROUTE * routes))
    sizes, used, folded = [0], 0.0, 0
    for begin in range(0, events, _MADE_AT_ONCE):
        records = _records(islice(log, _with_ticks(min(_MADE_AT_ONCE, events - begin))))
        started = time.process_time()
        for at in range(0, len(records), _POLL + 1):
            changes = fold.fold(records[at : at + _POLL + 1]).changes
            sizes.append(max((len(v or b"") for k, v in changes if k.startswith(STATE_KEY)), default=0))
        used, folded = used + time.process_time() - started, folded + len(records)
    return used / folded * 1e6, max(sizes), resident // routes


def measure_case(routes: int, stops: int, rounds: int) -> Cost:
    """The least of some rounds, since everything else on the machine only adds."""
    rounds = rounds if routes < _FEWER_ROUNDS_FROM else 1
    folds = [measure(routes, stops, NO_STATUS) for _ in range(rounds)]
    every = [measure(routes, stops, DEFAULT_LIMITS) for _ in range(rounds)]
    least = min(fold[0] for fold in folds), min(all_[0] for all_ in every)
    resident = folds[0][2] if routes >= _ROUTES_TO_WEIGH else 0
    return Cost(
        routes, stops, *least, _count_calls_of(routes, stops), max(all_[1] for all_ in every), resident
    )


def plot(by_routes: Sequence[Cost], by_stops: Sequence[Cost], file: Path) -> None:
    """Two panels: us per record over routes and over stops."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    _, (left, right) = pyplot.subplots(1, 2, figsize=(9, 3.2), sharey=True, layout="constrained")
    for axis, costs, name in ((left, by_routes, "routes"), (right, by_stops, "stops")):
        where = [cost.routes if name == "routes" else cost.stops for cost in costs]
        axis.plot(where, [cost.fold_us for cost in costs], marker="o", label="fold, detectors, changelog")
        axis.plot(where, [cost.all_us for cost in costs], marker="s", label="with statuses and questions")
        axis.set_xscale("log")
        axis.set_xlabel(f"{name} {'in the state' if name == 'routes' else 'a route'}")
        axis.set_ylim(bottom=0)
        axis.grid(alpha=0.3)
    left.set_ylabel("us of CPU per record")
    left.legend()
    pyplot.savefig(file)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--routes", type=int, nargs="*", default=[100, 1000, 10_000, 100_000])
    parser.add_argument("--stops", type=int, nargs="*", default=[20, 50, 100, 200])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--plot", type=Path)
    options = parser.parse_args()
    print("| routes | stops | fold, us | all, us | calls | state, bytes | resident with its plan, bytes |")
    print("|--|--|--|--|--|--|--|")
    by_routes, by_stops = [], []
    for routes, stops, group in (
        *((routes, _USUAL_STOPS // 2, by_routes) for routes in options.routes),
        *((_USUAL_ROUTES, stops, by_stops) for stops in options.stops),
    ):
        cost = measure_case(routes, stops, options.rounds)
        group.append(cost)
        print(
            f"| {cost.routes:,} | {cost.stops} | {cost.fold_us:.1f} | {cost.all_us:.1f} | {cost.calls:.0f} "
            f"| {cost.state_bytes} | {cost.resident_bytes or '-'} |",
            flush=True,
        )
    if options.plot:
        plot(by_routes, by_stops, options.plot)


if __name__ == "__main__":
    main()
