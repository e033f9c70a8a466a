"""Drive one round: where the van truly is at every moment, and when each door is served."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random

from controltower.simulate.assumptions import Assumptions
from controltower.simulate.city import Point
from controltower.simulate.clock import SimulatedClock
from controltower.simulate.incidents import Incident, Kind
from controltower.simulate.lines import split_at
from controltower.simulate.rounds import LOADING_S, Drop, Round

#: Speed is drawn anew for every stretch of this length.
_STRETCH_M = 240.0
#: Vans stand at the depot this long after their round before their tracker sleeps.
_HOME_S = 240.0
#: The driver scans this long before the van moves on.
_SCAN_BEFORE_LEAVING_S = 8.0
#: Finding the way on a detour is slow.
_DETOUR_SPEED = 0.8

#: (second of the day, x, y): between two knots the van moves evenly.
Knot = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Visit:
    """What truly happened at one door; times in seconds since the start of the day."""

    drop: Drop
    arrived_s: float
    served_s: float
    left_s: float
    delivered: bool


@dataclass(slots=True)
class Movement:
    """One round as driven. `episodes` are the incidents that show in the movement itself."""

    tour: Round
    knots: list[Knot] = field(default_factory=list)
    visits: list[Visit] = field(default_factory=list)
    episodes: list[tuple[Kind, float, float, str | None]] = field(default_factory=list)
    departed_s: float = 0.0

    @property
    def finished_s(self) -> float:
        """When the last door was served."""
        return self.visits[-1].served_s


class _Driver:
    """Moves one van through its day, knot by knot."""

    def __init__(
        self, movement: Movement, clock: SimulatedClock, assumptions: Assumptions, traffic: float, rng: Random
    ) -> None:
        self._movement, self._clock, self._assumptions, self._rng = movement, clock, assumptions, rng
        self._pace = assumptions.driver_factor.draw(rng)
        self._slowness = self._pace * traffic
        self.now_s = 0.0

    def begin(self, at_s: float, point: Point) -> None:
        self.now_s = at_s
        self._knot(point)

    def stand(self, duration_s: float, point: Point) -> None:
        self.now_s += duration_s
        self._knot(point)

    def follow(self, way: list[Point], speed_factor: float = 1.0) -> None:
        for a, b in pairwise(way):
            distance_m = math.dist(a, b)
            stretches = max(1, round(distance_m / _STRETCH_M))
            for k in range(1, stretches + 1):
                share = k / stretches
                self._pass(
                    distance_m / stretches,
                    (a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share),
                    speed_factor,
                )

    def serve(self, drop: Drop, extra_s: float) -> None:
        arrived_s = self.now_s
        service_s = self._assumptions.service_s.draw(self._rng)
        for _ in drop.shipment_ids[1:]:
            service_s += self._assumptions.further_parcel_s.draw(self._rng)
        self.stand(service_s * self._pace + extra_s, drop.point)
        delivered = self._rng.random() >= self._assumptions.failed_share
        served_s = max(arrived_s, self.now_s - _SCAN_BEFORE_LEAVING_S)
        self._movement.visits.append(Visit(drop, arrived_s, served_s, self.now_s, delivered))

    def _pass(self, distance_m: float, end: Point, speed_factor: float) -> None:
        speed = self._assumptions.street_mps.draw(self._rng) * self._clock.street_speed(self.now_s)
        self.now_s += distance_m * self._slowness / (speed * speed_factor)
        self._knot(end)
        if self._rng.random() < self._assumptions.light_chance:
            self.stand(self._assumptions.light_s.draw(self._rng), end)

    def _knot(self, point: Point) -> None:
        self._movement.knots.append((self.now_s, point[0], point[1]))


def drive(
    tour: Round,
    incident: Incident | None,
    clock: SimulatedClock,
    assumptions: Assumptions,
    traffic: float,
    rng: Random,
) -> Movement:
    """One round from the depot over all doors and home again."""
    movement = Movement(tour)
    driver = _Driver(movement, clock, assumptions, traffic, rng)
    driver.begin(max(0.0, tour.departs_s - LOADING_S), tour.depot)
    movement.departed_s = _departure_s(tour, incident, assumptions, rng, movement)
    driver.stand(movement.departed_s - driver.now_s, tour.depot)
    for index, drop in enumerate(tour.drops):
        _drive_leg(driver, movement, index, incident)
        extra_s = _extra_dwell_s(incident, index, drop.planned_s - driver.now_s)
        arrived_s = driver.now_s
        driver.serve(drop, extra_s)
        if extra_s:
            movement.episodes.append((Kind.EXCESS_DWELL, arrived_s, driver.now_s, drop.stop_id))
    driver.follow(tour.legs[-1])
    driver.stand(_HOME_S, tour.depot)
    return movement


def _departure_s(
    tour: Round, incident: Incident | None, assumptions: Assumptions, rng: Random, movement: Movement
) -> float:
    departs_s = tour.departs_s + assumptions.departure_jitter_s.draw(rng)
    if incident is None or incident.kind is not Kind.LATE_DEPARTURE:
        return departs_s
    movement.episodes.append((incident.kind, tour.departs_s, departs_s + incident.duration_s, None))
    return departs_s + incident.duration_s


def _extra_dwell_s(incident: Incident | None, index: int, early_s: float) -> float:
    """An early van may wait for its planned arrival, so the excess begins only there."""
    if incident is None or incident.kind is not Kind.EXCESS_DWELL or incident.index != index:
        return 0.0
    return max(0.0, early_s) + incident.duration_s


def _drive_leg(driver: _Driver, movement: Movement, index: int, incident: Incident | None) -> None:
    leg = movement.tour.legs[index]
    if incident is None or incident.index != index:
        driver.follow(leg)
    elif incident.kind in (Kind.LONG_HALT, Kind.SHORT_HALT):
        before, after = split_at(leg, incident.along_m)
        driver.follow(before)
        started_s = driver.now_s
        driver.stand(incident.duration_s, after[0])
        movement.episodes.append((incident.kind, started_s, driver.now_s, None))
        driver.follow(after)
    elif incident.kind is Kind.ROUTE_DEVIATION:
        driver.follow(split_at(leg, incident.along_m)[0])
        started_s = driver.now_s
        driver.follow(list(incident.excursion), _DETOUR_SPEED)
        movement.episodes.append((incident.kind, started_s, driver.now_s, None))
        driver.follow(split_at(leg, incident.rejoin_m)[1])
    else:
        driver.follow(leg)
