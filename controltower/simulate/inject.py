"""Choose before the vans drive what goes wrong that day, at places where its truth is unambiguous."""

from __future__ import annotations

import math
from dataclasses import replace
from random import Random

from controltower.simulate.assumptions import Assumptions, Incidents
from controltower.simulate.city import Point
from controltower.simulate.detour import find_detour
from controltower.simulate.incidents import Incident, Kind
from controltower.simulate.lines import length_m, point_at
from controltower.simulate.rounds import Round

#: A halt this far from every door of the round, and from the depot, is no stop.
HALT_CLEARANCE_M = 120.0
_DEPOT_CLEARANCE_M = 350.0
_TRIES = 60
#: Events happen in this part of a round, so that each ends well before its last stop.
_FIRST_SHARE, _LAST_SHARE = 0.08, 0.65
#: The incidents of `Incidents` are counted for a day of this size.
_REFERENCE_VANS = 42
#: The first van's halt lies so early on its way that a demo has something to show soon.
EARLY_HALT_M = 900.0


def choose_incidents(rounds: list[Round], assumptions: Assumptions, rng: Random) -> dict[str, Incident]:
    """At most one incident per van, by route id. The first van halts early."""
    counts = _scaled(assumptions.incidents, len(rounds))
    chosen: dict[str, Incident] = {}
    if rounds and counts.long_halts:
        early = _long_halt(rounds[0], assumptions.incidents, rng, early=True)
        if early:
            chosen[rounds[0].route_id] = early
    wanted: list[tuple[Kind, int]] = [
        (Kind.ROUTE_DEVIATION, counts.detours),
        (Kind.LONG_HALT, counts.long_halts - len(chosen)),
        (Kind.SIGNAL_LOST, counts.dead_trackers),
        (Kind.EXCESS_DWELL, counts.excess_dwells),
        (Kind.LATE_DEPARTURE, counts.late_departures),
        (Kind.SHORT_HALT, counts.short_halts),
        (Kind.JUMP, counts.jumps),
        (Kind.SHORT_GAP, counts.short_gaps),
    ]
    free = [tour for tour in rounds[1:] if tour.route_id not in chosen]
    rng.shuffle(free)
    for kind, count in wanted:
        for tour in list(free):
            if count == 0:
                break
            incident = _make(kind, tour, assumptions, rng)
            if incident is not None:
                chosen[tour.route_id] = incident
                free.remove(tour)
                count -= 1
    return chosen


def _scaled(incidents: Incidents, vans: int) -> Incidents:
    share = vans / _REFERENCE_VANS
    names = (
        "long_halts",
        "detours",
        "dead_trackers",
        "excess_dwells",
        "late_departures",
        "short_halts",
        "jumps",
        "short_gaps",
    )
    return replace(incidents, **{name: round(getattr(incidents, name) * share) for name in names})


def _make(kind: Kind, tour: Round, assumptions: Assumptions, rng: Random) -> Incident | None:
    mix = assumptions.incidents
    match kind:
        case Kind.ROUTE_DEVIATION:
            legs = [_leg(tour, rng) for _ in range(_TRIES)]
            return find_detour(tour, assumptions.block_m, legs, rng)
        case Kind.LONG_HALT:
            return _long_halt(tour, mix, rng)
        case Kind.SHORT_HALT:
            return _halt(kind, tour, mix.short_halt_s.draw(rng), rng)
        case Kind.EXCESS_DWELL:
            return Incident(kind, _index(tour, rng), duration_s=mix.dwell_s.draw(rng))
        case Kind.LATE_DEPARTURE:
            return Incident(kind, duration_s=mix.departure_delay_s.draw(rng))
        case Kind.SIGNAL_LOST:
            return Incident(kind, duration_s=mix.silence_s.draw(rng), share=rng.uniform(0.1, 0.7))
        case Kind.SHORT_GAP:
            return Incident(kind, duration_s=mix.short_gap_s.draw(rng), share=rng.uniform(0.1, 0.8))
        case _:
            return Incident(Kind.JUMP, share=rng.uniform(0.1, 0.8), jump_m=mix.jump_m.draw(rng))


def _index(tour: Round, rng: Random) -> int:
    last = max(1, int(len(tour.drops) * _LAST_SHARE))
    return rng.randint(min(last, int(len(tour.drops) * _FIRST_SHARE)), last)


def _leg(tour: Round, rng: Random) -> int:
    """The long way from the depot more often than any other leg."""
    return 0 if rng.random() < 0.2 else _index(tour, rng)


def _long_halt(tour: Round, mix: Incidents, rng: Random, *, early: bool = False) -> Incident | None:
    duration_s = mix.halt_s.draw(rng)
    if not early:
        return _halt(Kind.LONG_HALT, tour, duration_s, rng)
    leg_m = length_m(tour.legs[0])
    along_m = min(EARLY_HALT_M, leg_m / 2)
    point, _ = point_at(tour.legs[0], along_m)
    clear = _clearance_m(point, tour) >= HALT_CLEARANCE_M
    return Incident(Kind.LONG_HALT, 0, along_m, duration_s) if clear else None


def _halt(kind: Kind, tour: Round, duration_s: float, rng: Random) -> Incident | None:
    """Somewhere between two doors, away from all of them."""
    for _ in range(_TRIES):
        index = _leg(tour, rng)
        along_m = rng.uniform(0.2, 0.8) * length_m(tour.legs[index])
        point, _ = point_at(tour.legs[index], along_m)
        if math.dist(point, tour.depot) >= _DEPOT_CLEARANCE_M and (
            _clearance_m(point, tour) >= HALT_CLEARANCE_M
        ):
            return Incident(kind, index, along_m, duration_s)
    return None


def _clearance_m(point: Point, tour: Round) -> float:
    return min(math.dist(point, drop.point) for drop in tour.drops)
