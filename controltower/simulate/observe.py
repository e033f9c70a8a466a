"""What devices report of a round: pings of the van's tracker and scans of the driver's handheld."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from controltower.simulate.assumptions import Assumptions
from controltower.simulate.city import to_bearing_deg, to_degrees
from controltower.simulate.drive import Knot, Movement, Visit
from controltower.simulate.incidents import Incident, Kind
from controltower.simulate.rounds import Round
from schemas.vocabulary import Milestone, Reason

#: Parcels are loaded within this time before the departure.
_LOADING_WINDOW_S = 2400
_OUT_SCAN_BATCH = 10
#: What a failed attempt may be due to; both dialects have a code for each.
FAILURE_REASONS = (
    Reason.CONSIGNEE_ABSENT,
    Reason.CONSIGNEE_ABSENT,
    Reason.CONSIGNEE_REFUSED,
    Reason.CONSIGNEE_ADDRESS,
)


@dataclass(frozen=True, slots=True)
class Observation:
    """One report. `at_s` is a whole second; a ping has a place and no milestone, a scan the reverse."""

    tour: Round
    number: int
    at_s: int
    lat: float | None = None
    lon: float | None = None
    accuracy_m: float | None = None
    speed_mps: float | None = None
    bearing_deg: float | None = None
    milestone: Milestone | None = None
    reason: Reason | None = None
    shipment_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Silence:
    """While a tracker sends nothing, in seconds of the day."""

    starts_s: float
    ends_s: float


def find_silence(movement: Movement, incident: Incident | None) -> Silence | None:
    """When the tracker of this round is dead: well within the round, over before its last stop."""
    if incident is None or incident.kind not in (Kind.SIGNAL_LOST, Kind.SHORT_GAP):
        return None
    latest_s = movement.finished_s - incident.duration_s - 600.0
    starts_s = movement.departed_s + incident.share * (latest_s - movement.departed_s)
    return Silence(starts_s, starts_s + incident.duration_s)


def ping(
    movement: Movement, incident: Incident | None, assumptions: Assumptions, rng: Random
) -> list[Observation]:
    """The tracker's reports over the whole round; `number` counts from 1."""
    interval_s = assumptions.ping_interval_s.draw(rng)
    noise_m = assumptions.gps_noise_m.draw(rng) / math.sqrt(2)
    silence = find_silence(movement, incident)
    jump_s = find_jump_s(movement, incident)
    pings: list[Observation] = []
    for at_s, x, y, dx, dy in _sample(movement.knots, interval_s, rng):
        if silence and silence.starts_s <= at_s <= silence.ends_s:
            continue
        x, y = x + rng.gauss(0.0, noise_m), y + rng.gauss(0.0, noise_m)
        if jump_s is not None and at_s >= jump_s and incident:
            x, y, jump_s = x + incident.jump_m, y, None
        pings.append(_ping(movement.tour, len(pings) + 1, at_s, (x, y), (dx, dy), noise_m, rng))
    return pings


def find_jump_s(movement: Movement, incident: Incident | None) -> float | None:
    """From when on the next ping of this round is far off."""
    if incident is None or incident.kind is not Kind.JUMP:
        return None
    return movement.departed_s + incident.share * (movement.finished_s - movement.departed_s)


def _sample(
    knots: list[Knot], interval_s: float, rng: Random
) -> Iterator[tuple[int, float, float, float, float]]:
    """(second, x, y, dx/dt, dy/dt) about every `interval_s`, walking the knots once."""
    index = 0
    at_s = round(knots[0][0] + rng.uniform(1.0, interval_s))
    while at_s < knots[-1][0]:
        while knots[index + 1][0] <= at_s:
            index += 1
        (t0, x0, y0), (t1, x1, y1) = knots[index], knots[index + 1]
        share = (at_s - t0) / (t1 - t0)
        dx, dy = (x1 - x0) / (t1 - t0), (y1 - y0) / (t1 - t0)
        yield at_s, x0 + (x1 - x0) * share, y0 + (y1 - y0) * share, dx, dy
        at_s += max(1, round(interval_s * rng.uniform(0.85, 1.15)))


def _ping(
    tour: Round,
    number: int,
    at_s: int,
    point: tuple[float, float],
    speed: tuple[float, float],
    noise_m: float,
    rng: Random,
) -> Observation:
    lat, lon = to_degrees(point)
    speed_mps = abs(math.hypot(*speed) + rng.gauss(0.0, 0.2))
    return Observation(
        tour,
        number,
        at_s,
        lat=round(lat, 6),
        lon=round(lon, 6),
        accuracy_m=round(noise_m * rng.uniform(1.2, 2.2), 1),
        speed_mps=round(speed_mps, 1),
        bearing_deg=round(to_bearing_deg(*speed), 1) if any(speed) else None,
    )


def scan(movement: Movement, first_number: int, assumptions: Assumptions, rng: Random) -> list[Observation]:
    """The handheld's reports: loaded, out for delivery, and what happened at each door."""
    reports: list[tuple[float, Milestone, Reason | None, tuple[str, ...]]] = []
    parcels = [parcel for drop in movement.tour.drops for parcel in drop.shipment_ids]
    opens_s = max(0.0, movement.tour.departs_s - _LOADING_WINDOW_S)
    closes_s = max(opens_s + 20.0, movement.tour.departs_s - 60.0)
    for parcel in parcels:
        reports.append((rng.uniform(opens_s, closes_s), Milestone.LOADED, None, (parcel,)))
    for begin in range(0, len(parcels), _OUT_SCAN_BATCH):
        batch = tuple(parcels[begin : begin + _OUT_SCAN_BATCH])
        reports.append((movement.departed_s - 30.0, Milestone.OUT_FOR_DELIVERY, None, batch))
    for visit in movement.visits:
        reports.extend(_at_the_door(visit, assumptions, rng))
    reports.sort(key=lambda report: report[0])
    observations: list[Observation] = []
    for at_s, milestone, reason, shipments in reports:
        groups = [shipments] if movement.tour.carrier.sends_batches else [(one,) for one in shipments]
        for group in groups:
            observations.append(
                Observation(
                    movement.tour,
                    first_number + len(observations),
                    round(at_s),
                    milestone=milestone,
                    reason=reason,
                    shipment_ids=group,
                )
            )
    return observations


def _at_the_door(
    visit: Visit, assumptions: Assumptions, rng: Random
) -> Iterator[tuple[float, Milestone, Reason | None, tuple[str, ...]]]:
    parcels = visit.drop.shipment_ids
    if rng.random() < assumptions.unmapped_share:
        yield visit.arrived_s, Milestone.UNMAPPED, None, parcels
    if visit.delivered:
        yield visit.served_s, Milestone.DELIVERED, None, parcels
    else:
        yield visit.served_s, Milestone.ATTEMPT_FAILED, rng.choice(FAILURE_REASONS), parcels
