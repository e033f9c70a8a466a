"""`controltower evaluate alerts`: what exceptions about promises are worth on recorded and simulated days."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from agents.app import build_offline_stages
from agents.errors import CommandError
from agents.progress import ProgressShown
from controltower.clock import epoch_ms_of
from controltower.detect.rules import load_limits
from controltower.gtfs.folder import read_recorded_day
from controltower.intake import Arrival
from controltower.offline.pipeline import Pipeline, SteppedClock
from controltower.offline.promises_kept import AlertScore, RouteDay, score_alerts, sweep
from controltower.risk.passing import passing_ms
from controltower.route.ending import SERVING
from controltower.route.evidence import Fix
from controltower.route.limits import Limits
from controltower.route.plan import parse_plan
from controltower.settings import Settings
from controltower.simulate.day import Day, simulate_day
from controltower.streaming.stage import Record
from schemas import topics, wire

#: p(late) from which SLA_AT_RISK could open.
THRESHOLDS = tuple(round(0.3 + 0.05 * i, 2) for i in range(14))
#: The last stop whose arrival tells when a trip left: later ones tell of its way as well.
_TELLS_DEPARTURE = 3
_PLOT = "alerts.svg"
_FIRST_SEED = 900


def configure_alerts(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folders", type=Path, nargs="*", metavar="FOLDER", help="GTFS with vehicle_positions.csv"
    )
    parser.add_argument("--days", type=int, default=0, metavar="N", help="also simulate N days")
    parser.add_argument(
        "--seed", type=int, default=_FIRST_SEED, metavar="S", help="seed of the first (%(default)s)"
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help=f"writes {_PLOT}, to choose a threshold from")


def evaluate_alerts(args: argparse.Namespace, settings: Settings) -> int:
    if not args.folders and args.days < 1:
        raise CommandError("nothing to evaluate", "name a GTFS folder, or --days N for simulated ones")
    limits = load_limits(settings.rules)
    groups: dict[str, list[RouteDay]] = {}
    for folder in args.folders:
        groups[folder.name] = _recorded(folder, settings, limits)
    if args.days:
        simulated = groups[f"{args.days} simulated days from seed {args.seed}"] = []
        for seed in range(args.seed, args.seed + args.days):
            simulated += _simulated(simulate_day(seed), settings)
    curves = {name: sweep(days, limits, THRESHOLDS) for name, days in groups.items()}
    for name, days in groups.items():
        print("\n".join(_lines(name, days, score_alerts(days, limits), curves[name])))
    if args.out is not None:
        _plot(args.out, curves, limits.risk_open)
        print(f"written to {args.out / _PLOT}")
    return 0


def _recorded(folder: Path, settings: Settings, limits: Limits) -> list[RouteDay]:
    """The truth is told by the fixes of the whole trip."""
    if not folder.is_dir():
        raise CommandError(f"{folder}: is no folder", "a GTFS folder with vehicle_positions.csv")
    day = read_recorded_day(folder)
    fixes: dict[str, list[Fix]] = {}
    with ProgressShown(f"replaying {folder.name}", "events", day.arrivals_total) as progress:
        days = _replay(day.plans, _watched(day.arrivals(), progress.advance), settings, fixes)
    for route_id, one in days.items():
        arrivals = passing_ms(one.plan, fixes.get(route_id, []), limits)
        one.arrivals_ms = {i: int(at) for i, at in enumerate(arrivals.tolist()) if not np.isnan(at)}
        _note_departure(one)
    return list(days.values())


def _simulated(day: Day, settings: Settings) -> list[RouteDay]:
    """The truth is the simulator's own."""
    with ProgressShown(f"replaying day {day.seed}", "events", len(day.arrivals)) as progress:
        days = _replay(day.plans, _watched(day.arrivals, progress.advance), settings, {})
    for outcome in day.outcomes:
        one = days.get(outcome.route_id)
        if one is not None and outcome.stop_id in one.plan.stop_index:
            one.arrivals_ms[one.plan.stop_index[outcome.stop_id]] = outcome.arrived_at_ms
    for movement in day.movements:
        if movement.tour.route_id in days:
            days[movement.tour.route_id].departed_ms = day.starts_at_ms + round(1000 * movement.departed_s)
    return list(days.values())


def _watched(arrivals: Iterable[Arrival], advance: Callable[[], None]) -> Iterator[Arrival]:
    for arrival in arrivals:
        advance()
        yield arrival


def _replay(
    plans: Iterable[wire.Plan], arrivals: Iterable[Arrival], settings: Settings, fixes: dict[str, list[Fix]]
) -> dict[str, RouteDay]:
    """Through all stages; what each route was told, and where it was."""
    plans = list(plans)
    days = {plan.route_id: RouteDay(parse_plan(plan)) for plan in plans}
    clock = SteppedClock()
    for record in Pipeline(build_offline_stages(settings, clock.now_ms), 1, clock).run(plans, arrivals):
        _note(record, days, fixes)
    return days


def _note(record: Record, days: Mapping[str, RouteDay], fixes: dict[str, list[Fix]]) -> None:
    if record.value is None or record.topic not in (topics.EXCEPTIONS, topics.ROUTE_EVENTS):
        return
    event = wire.decode_any(record.value)
    route_id = getattr(event, "route_id", None)
    one = days.get(route_id) if route_id is not None else None
    if one is None or route_id is None:
        return
    if isinstance(event, wire.ExceptionRecord):
        one.records.append(event)
    elif isinstance(event, wire.Score):
        one.scores.append(event)
    elif isinstance(event, wire.Scan) and event.milestone not in SERVING:
        place = event.place
        if place is not None and place.lat is not None and place.lon is not None:
            at_ms = epoch_ms_of(event.occurred_at)
            fixes.setdefault(route_id, []).append(Fix(at_ms, place.lat, place.lon, place.accuracy_m or 0.0))


def _note_departure(one: RouteDay) -> None:
    """When it left, as it came to one of its next stops: that arrival less the planned way. A trip that is
    known from further on only says nothing of its departure.
    """
    first = min((i for i in one.arrivals_ms if i), default=None)
    if first is not None and first <= _TELLS_DEPARTURE:
        way_ms = one.plan.stops[first].arrival_ms - one.plan.stops[0].departure_ms
        one.departed_ms = one.arrivals_ms[first] - way_ms


def _lines(
    name: str, days: Sequence[RouteDay], rows: Sequence[AlertScore], curve: Sequence[tuple[float, AlertScore]]
) -> Iterator[str]:
    known = sum(bool(day.arrivals_ms) for day in days)
    yield f"{name}: {len(days):,} routes, arrivals known of {known:,}"
    heads = (
        ("alerts", 7),
        ("right", 7),
        ("precision", 11),
        ("open", 6),
        ("due", 6),
        ("recall", 8),
        ("lead", 9),
    )
    yield " " * 19 + "".join(f"{head:>{width}}" for head, width in heads) + "  flaps/100"
    for row in rows:
        yield (
            f"  {row.code.value:17}{row.alerts:7}{row.right:7}{_share(row.precision):>11}{row.undecided:6}"
            f"{row.due:6}{_share(row.recall):>8}{_minutes(row.lead_s):>9}{row.flaps_per_100:11.1f}"
        )
    yield "  SLA_AT_RISK from other thresholds of p(late): precision, recall, lead"
    for threshold, row in curve:
        worth = f"{_share(row.precision):>6}{_share(row.recall):>8}{_minutes(row.lead_s):>9}"
        yield f"    {threshold:4.2f}  {worth}"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _minutes(value_s: float | None) -> str:
    return "-" if value_s is None else f"{value_s / 60:.0f} min"


def _plot(folder: Path, curves: Mapping[str, Sequence[tuple[float, AlertScore]]], default: float) -> None:
    """Precision and recall, and the lead, by threshold."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5 * len(curves), 6))
    axes = figure.subplots(2, len(curves), squeeze=False, sharex=True)
    for column, (name, curve) in enumerate(curves.items()):
        at = [threshold for threshold, _ in curve]
        top, below = axes[0][column], axes[1][column]
        top.plot(at, [row.precision for _, row in curve], label="precision")
        top.plot(at, [row.recall for _, row in curve], label="recall")
        top.set(title=name, ylim=(0, 1.02))
        top.legend()
        below.plot(at, [None if row.lead_s is None else row.lead_s / 60 for _, row in curve])
        below.set(xlabel="p(late) from which SLA_AT_RISK opens", ylabel="lead, min")
        for one in (top, below):
            one.axvline(default, color="0.7", linestyle="--")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        figure.savefig(folder / _PLOT)
    except OSError as failed:
        raise CommandError(f"{folder}: {failed.strerror}", "name a folder that can be written") from None
