"""The planner's side of a day: who drives which doors in which order, and what is promised there."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from random import Random

from controltower.simulate.assumptions import PROMISES, Assumptions, Promise
from controltower.simulate.city import City, Point
from controltower.simulate.clock import SimulatedClock
from controltower.simulate.lines import length_m

#: Two doors of one round are at least this far apart, so that a stop is one place to stand.
_SPACING_M = 70.0
#: Vans stand at the depot this long before they leave.
LOADING_S = 15 * 60


@dataclass(frozen=True, slots=True)
class Carrier:
    """A carrier of the city: its feed's id (its own too), how its identifiers begin, and its habits."""

    feed: str
    prefix: str
    van_prefix: str
    #: Several parcels in one scan, several events in one payload.
    sends_batches: bool


CARRIERS = (Carrier("swiftpost", "SP", "SP-VAN-", True), Carrier("metroline", "ML", "ML-", False))


@dataclass(frozen=True, slots=True)
class Drop:
    """One door on a round. Times are seconds since the start of the day."""

    stop_id: str
    point: Point
    shipment_ids: tuple[str, ...]
    promise: Promise
    planned_s: int
    service_s: int

    @property
    def promised_s(self) -> int:
        """Until when the parcels are promised."""
        return self.planned_s + self.promise.after_s


@dataclass(frozen=True, slots=True)
class Round:
    """One van's tour as planned. `legs[i]` leads to `drops[i]`, and one more leads home."""

    route_id: str
    vehicle_id: str
    carrier: Carrier
    depot_id: str
    depot: Point
    zone: str
    drops: tuple[Drop, ...]
    legs: tuple[list[Point], ...]
    departs_s: int
    has_path: bool

    @property
    def path(self) -> list[Point]:
        """The planned way from the depot to the last door."""
        points = [self.depot]
        for leg in self.legs[:-1]:
            points.extend(leg[1:])
        return points

    @property
    def ends_s(self) -> int:
        """When the last door should be done."""
        return self.drops[-1].planned_s + self.drops[-1].service_s


def share_out(total: int, vans: int, rng: Random) -> list[int]:
    """Parcels per van: about even, exactly `total` together, at least one each."""
    weights = [rng.uniform(0.88, 1.12) for _ in range(vans)]
    counts = [max(1, int(total * weight / sum(weights))) for weight in weights]
    van = 0
    while sum(counts) != total:
        step = 1 if sum(counts) < total else -1
        if counts[van] + step >= 1:
            counts[van] += step
        van = (van + 1) % vans
    return counts


def plan_round(
    city: City,
    clock: SimulatedClock,
    assumptions: Assumptions,
    rng: Random,
    *,
    carrier: Carrier,
    number: int,
    cell: tuple[float, float, float],
    parcels: int,
    departs_s: int,
) -> Round:
    """Plan one van. `cell` is (centre x, centre y, side) of its territory in metres."""
    depot_index = min(range(len(city.depots)), key=lambda index: math.dist(city.depots[index], cell[:2]))
    depot = city.depots[depot_index]
    loads = _split_into_loads(parcels, assumptions, rng)
    doors = _order_doors(_choose_doors(city, cell, len(loads), rng), depot, len(loads))
    legs = tuple(city.streets_between(a, b) for a, b in pairwise([depot, *doors, depot]))
    route_id = f"{carrier.prefix}-{clock.date}-{number:02d}"
    drops = _time_drops(route_id, doors, legs, loads, departs_s, clock, assumptions, rng)
    return Round(
        route_id=route_id,
        vehicle_id=f"{carrier.van_prefix}{number:02d}",
        carrier=carrier,
        depot_id=f"depot-{depot_index + 1}",
        depot=depot,
        zone=f"{carrier.prefix}-zone-{number:02d}",
        drops=drops,
        legs=legs,
        departs_s=departs_s,
        has_path=rng.random() >= assumptions.pathless_share,
    )


def _split_into_loads(parcels: int, assumptions: Assumptions, rng: Random) -> list[int]:
    """Parcels per door."""
    loads: list[int] = []
    left = parcels
    while left:
        wanted = rng.choices((1, 2, 3), weights=assumptions.parcels_per_stop)[0]
        loads.append(min(left, wanted))
        left -= loads[-1]
    return loads


def _choose_doors(city: City, cell: tuple[float, float, float], count: int, rng: Random) -> list[Point]:
    x, y, side = cell
    doors: list[Point] = []
    for _ in range(count * 50):
        if len(doors) == count:
            break
        door = city.address_near(
            x + rng.uniform(-side / 2, side / 2), y + rng.uniform(-side / 2, side / 2), rng
        )
        if all(math.dist(door, other) >= _SPACING_M for other in doors):
            doors.append(door)
    if len(doors) < count:
        raise ValueError(f"{count} stops do not fit into a territory of {side:.0f} m: use a larger city")
    return doors


def _order_doors(doors: list[Point], depot: Point, count: int) -> list[Point]:
    """Up and down in strips, beginning near the depot: how many planners (and people) sweep a territory."""
    strips = max(2, round(math.sqrt(count / 3)))
    low = min(door[1] for door in doors)
    height = max(1.0, max(door[1] for door in doors) - low)

    def place(door: Point) -> tuple[int, float]:
        strip = min(strips - 1, int((door[1] - low) / height * strips))
        return strip, door[0] if strip % 2 == 0 else -door[0]

    ordered = sorted(doors, key=place)
    if math.dist(ordered[-1], depot) < math.dist(ordered[0], depot):
        ordered.reverse()
    return ordered


def _time_drops(
    route_id: str,
    doors: list[Point],
    legs: tuple[list[Point], ...],
    loads: list[int],
    departs_s: int,
    clock: SimulatedClock,
    assumptions: Assumptions,
    rng: Random,
) -> tuple[Drop, ...]:
    at_s = float(departs_s)
    drops, parcel = [], 0
    shares = [promise.share for promise in PROMISES]
    for index, (door, load) in enumerate(zip(doors, loads, strict=True)):
        at_s += length_m(legs[index]) / (assumptions.planner_mps * clock.street_speed(at_s))
        service_s = assumptions.planner_service_s + (load - 1) * assumptions.planner_further_parcel_s
        shipments = tuple(f"{route_id.replace('-', '')}{parcel + k + 1:04d}" for k in range(load))
        promise = rng.choices(PROMISES, weights=shares)[0]
        drops.append(Drop(f"{route_id}-S{index + 1:03d}", door, shipments, promise, round(at_s), service_s))
        at_s, parcel = at_s + service_s, parcel + load
    return tuple(drops)
