"""A whole simulated day of deliveries: plans, what truly happened, and what arrived at the intake."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from zoneinfo import ZoneInfo

from controltower.intake import Arrival
from controltower.simulate.assumptions import ASSUMPTIONS, Assumptions, Traffic
from controltower.simulate.city import City, lay_out_city
from controltower.simulate.clock import SimulatedClock
from controltower.simulate.drive import Movement, drive
from controltower.simulate.garbage import Spoilt, spoil
from controltower.simulate.inject import choose_incidents
from controltower.simulate.observe import ping, scan
from controltower.simulate.planning import plan_message
from controltower.simulate.rounds import CARRIERS, Round, plan_round, share_out
from controltower.simulate.transmit import Delivery, as_arrival, deliver
from controltower.simulate.truth import StopOutcome, TrueEvent, tell_outcomes, tell_truth
from schemas.wire import Plan

#: A Monday afternoon in the city's zone (13:30 there).
DEFAULT_START = datetime(2026, 3, 2, 12, 30, tzinfo=UTC)
#: The local feed writes times of this zone without saying so.
CITY_ZONE = "Europe/Berlin"
#: A round of the default size takes less; who leaves later would come home after the day.
_LONGEST_ROUND_S = 3 * 3600
_FIRST_DEPARTURE_S = 90
#: Departures spread over at least this time, however short the day.
_SHORTEST_SPREAD_S = 600


@dataclass(frozen=True, slots=True)
class Day:
    """Everything about one day. `arrivals` are in order of arrival, those of `spoilt` among them;
    `deliveries` are what they tell, before it was written down, in the order of the rounds."""

    seed: int
    starts_at_ms: int
    ends_at_ms: int
    plans: tuple[Plan, ...]
    arrivals: tuple[Arrival, ...]
    deliveries: tuple[Delivery, ...]
    spoilt: tuple[Spoilt, ...]
    truth: tuple[TrueEvent, ...]
    outcomes: tuple[StopOutcome, ...]
    movements: tuple[Movement, ...]


def simulate_day(
    seed: int,
    *,
    vans: int = 42,
    parcels: int = 2100,
    start: datetime = DEFAULT_START,
    hours: float = 4.0,
    city_km: float = 12.0,
    traffic: Traffic = Traffic.NORMAL,
    assumptions: Assumptions = ASSUMPTIONS,
) -> Day:
    """One day, wholly determined by its arguments. It ends when the last van is home, about `hours` later."""
    clock = SimulatedClock(start.astimezone(ZoneInfo(CITY_ZONE)))
    rounds = plan_rounds(seed, clock, vans, parcels, hours, city_km, assumptions)
    incidents = choose_incidents(rounds, assumptions, Random(f"{seed}/incidents"))
    deliveries: list[Delivery] = []
    truth: list[TrueEvent] = []
    outcomes: list[StopOutcome] = []
    movements: list[Movement] = []
    for tour in rounds:
        rng = Random(f"{seed}/{tour.route_id}")
        incident = incidents.get(tour.route_id)
        movement = drive(tour, incident, clock, assumptions, traffic.value, rng)
        pings = ping(movement, incident, assumptions, rng)
        scans = scan(movement, len(pings) + 1, assumptions, rng)
        deliveries += deliver(pings, clock, assumptions, rng)
        deliveries += deliver(scans, clock, assumptions, rng)
        outcomes_here = tell_outcomes(movement, clock)
        truth += tell_truth(movement, incident, outcomes_here, clock)
        outcomes += outcomes_here
        movements.append(movement)
    arrivals = [as_arrival(delivery, clock) for delivery in deliveries]
    count = round(len(arrivals) * assumptions.garbage_share)
    spoilt = spoil(arrivals, count, Random(f"{seed}/garbage"))
    arrivals += [garbage.arrival for garbage in spoilt]
    arrivals.sort(key=lambda arrival: (arrival.received_at_ms, arrival.key or b"", arrival.payload))
    return Day(
        seed=seed,
        starts_at_ms=clock.start_ms,
        ends_at_ms=arrivals[-1].received_at_ms,
        plans=tuple(plan_message(tour, clock) for tour in rounds),
        arrivals=tuple(arrivals),
        deliveries=tuple(deliveries),
        spoilt=tuple(spoilt),
        truth=tuple(truth),
        outcomes=tuple(outcomes),
        movements=tuple(movements),
    )


def plan_rounds(
    seed: int,
    clock: SimulatedClock,
    vans: int,
    parcels: int,
    hours: float,
    city_km: float,
    assumptions: Assumptions,
) -> list[Round]:
    """The planner's work, earliest departure first. Each carrier covers the whole city with its vans."""
    rng = Random(f"{seed}/plan")
    city = lay_out_city(rng, city_km * 1000.0, assumptions.block_m, assumptions.depots)
    loads = share_out(parcels, vans, rng)
    departures = _departures(vans, hours, rng)
    rounds = []
    for carrier_index, carrier in enumerate(CARRIERS):
        mine = range(carrier_index, vans, len(CARRIERS))
        cells = _territories(city, len(mine), rng)
        for number, (van, cell) in enumerate(zip(mine, cells, strict=True), start=1):
            rounds.append(
                plan_round(
                    city,
                    clock,
                    assumptions,
                    rng,
                    carrier=carrier,
                    number=number,
                    cell=cell,
                    parcels=loads[van],
                    departs_s=departures[van],
                )
            )
    return sorted(rounds, key=lambda tour: (tour.departs_s, tour.route_id))


def _departures(vans: int, hours: float, rng: Random) -> list[int]:
    """Whole minutes between the first wave and the last one that still comes home in time."""
    spread_s = max(_SHORTEST_SPREAD_S, hours * 3600 - _LONGEST_ROUND_S)
    later = [_FIRST_DEPARTURE_S + 60 * round(rng.uniform(1.0, spread_s / 60)) for _ in range(vans - 1)]
    return [_FIRST_DEPARTURE_S, *later]


def _territories(city: City, count: int, rng: Random) -> list[tuple[float, float, float]]:
    """(centre x, centre y, side) per van: a grid of cells over the city, in mixed order."""
    columns = max(1, math.ceil(math.sqrt(count)))
    rows = max(1, math.ceil(count / columns))
    wide, high = city.size_m / columns, city.size_m / rows
    side = math.sqrt(wide * high)
    cells = [
        ((column + 0.5) * wide - city.reach_m, (row + 0.5) * high - city.reach_m, side)
        for row in range(rows)
        for column in range(columns)
    ]
    rng.shuffle(cells)
    return cells[:count]
