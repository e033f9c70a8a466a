"""A history from simulated days: their plans and reports go straight into the log that track folds.

Days come in weeks of one city, Monday to Friday through one fold, so that what carriers are used to is
learned as it is live. The truth is the simulator's own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import cache
from multiprocessing import get_context
from random import Random

import numpy as np

from controltower.clock import instant_of
from controltower.risk.history import Floats, History, join
from controltower.risk.outcomes import Told, make_history
from controltower.risk.questions import RouteStory, Sampling, read_stories
from controltower.simulate.assumptions import Traffic
from controltower.simulate.day import Day, simulate_day
from controltower.simulate.observe import Observation
from controltower.simulate.transmit import Delivery
from controltower.streaming.stage import Record
from schemas import topics, wire

DAYS_A_WEEK = 5
#: A Monday; each week after the first begins seven days later.
_FIRST_MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
#: When the first van may leave (UTC; the city is an hour ahead): morning, noon and afternoon rounds.
_STARTS_H = (6.5, 8.0, 10.0, 12.5)
_TRAFFIC = (Traffic.LIGHT, Traffic.NORMAL, Traffic.NORMAL, Traffic.NORMAL, Traffic.HEAVY)
#: Of each route so many stops are followed, and no question within so long of the one before: rows that
#: lie closer tell the same.
_STOPS_FOLLOWED = 8
_EVERY_MS = 240_000
_PLANS_AHEAD_MS = 1000


def build_from_simulation(
    first_seed: int, days: int, workers: int = 1, advance: Callable[[int], None] = lambda days: None
) -> History:
    """`days` days from `first_seed` on, in weeks. The result is the same for any number of workers."""
    weeks = [
        (first_seed + first, min(DAYS_A_WEEK, days - first), first // DAYS_A_WEEK)
        for first in range(0, days, DAYS_A_WEEK)
    ]
    return join(_build_all(weeks, workers, advance))


def _build_all(
    weeks: Sequence[tuple[int, int, int]], workers: int, advance: Callable[[int], None]
) -> Iterator[History]:
    if workers == 1:
        built: Iterator[History] = map(_build_week, weeks)
        yield from _counted(built, weeks, advance)
        return
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        yield from _counted(pool.map(_build_week, weeks), weeks, advance)


def _counted(
    built: Iterator[History], weeks: Sequence[tuple[int, int, int]], advance: Callable[[int], None]
) -> Iterator[History]:
    for history, week in zip(built, weeks, strict=True):
        advance(week[1])
        yield history


def _build_week(week: tuple[int, int, int]) -> History:
    first_seed, days, number = week
    simulated = [_simulate(first_seed + day, number * 7 + day) for day in range(days)]
    seeds = {plan.route_id: day.seed for day in simulated for plan in day.plans}

    @cache
    def stops_of(route_id: str, stops: int) -> frozenset[int]:
        rng = Random(f"{seeds[route_id]}/{route_id}")
        return frozenset(rng.sample(range(stops), min(_STOPS_FOLLOWED, stops)))

    log = (record for day in simulated for record in log_of(day))
    stories = read_stories(log, sampling=Sampling(_EVERY_MS, stops_of))
    told = []
    for day in simulated:
        arrivals = _arrivals(day)
        for plan in day.plans:
            story = stories.get(plan.route_id, RouteStory())
            told.append(Told(f"{day.seed}/{plan.route_id}", f"{day.seed}", story, arrivals[plan.route_id]))
    return make_history("simulated", told)


def _simulate(seed: int, date: int) -> Day:
    rng = Random(f"{seed}/history")
    start = _FIRST_MONDAY + timedelta(days=date, hours=rng.choice(_STARTS_H))
    return simulate_day(seed, start=start, traffic=rng.choice(_TRAFFIC))


def log_of(day: Day) -> Iterator[Record]:
    """The day as it stands in route-events, one partition, without the payloads in between."""
    offset = 0
    stops = {
        parcel: stop.stop_id for plan in day.plans for stop in plan.stops for parcel in stop.shipment_ids
    }
    for plan in day.plans:
        plan.received_at = instant_of(day.starts_at_ms - _PLANS_AHEAD_MS)
        yield Record(topics.ROUTE_EVENTS, 0, offset, day.starts_at_ms, None, wire.encode(plan))
        offset += 1
    for delivery in sorted(day.deliveries, key=lambda delivery: delivery.received_at_ms):
        for scan in _scans(delivery, day.starts_at_ms, stops):
            yield Record(topics.ROUTE_EVENTS, 0, offset, delivery.received_at_ms, None, wire.encode(scan))
            offset += 1


def _scans(delivery: Delivery, starts_at_ms: int, stops: Mapping[str, str]) -> Iterator[wire.Scan]:
    for seen in delivery.observations:
        for parcel in seen.shipment_ids or (None,):
            stop_id = stops[parcel] if parcel is not None else None
            yield _scan(seen, parcel, stop_id, delivery.received_at_ms, starts_at_ms)


def _scan(
    seen: Observation, parcel: str | None, stop_id: str | None, received_at_ms: int, starts_at_ms: int
) -> wire.Scan:
    name = f"{seen.tour.route_id}/{seen.number}/{parcel}"
    place = None
    if seen.lat is not None:
        place = wire.Place(seen.lat, seen.lon, seen.accuracy_m, seen.speed_mps, seen.bearing_deg)
    return wire.Scan(
        scan_id=hashlib.sha256(name.encode()).hexdigest()[:32],
        feed=seen.tour.carrier.feed,
        carrier=seen.tour.carrier.feed,
        tenant="demo",
        shipment_ids=(parcel,) if parcel else (),
        route_id=seen.tour.route_id,
        vehicle_id=seen.tour.vehicle_id if parcel is None else None,
        stop_id=stop_id,
        milestone=seen.milestone,
        reason=seen.reason,
        occurred_at=instant_of(starts_at_ms + seen.at_s * 1000),
        received_at=instant_of(received_at_ms),
        place=place,
        source=wire.Source(topics.CARRIER_EVENTS, 0, 0),
    )


def _arrivals(day: Day) -> dict[str, Floats]:
    """Per route the true arrival (ms) at each stop of its plan; NaN at the depot."""
    arrivals = {plan.route_id: np.full(len(plan.stops), np.nan) for plan in day.plans}
    for outcome in day.outcomes:
        arrivals[outcome.route_id][outcome.sequence] = outcome.arrived_at_ms
    return arrivals
