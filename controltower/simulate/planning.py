"""The planner's round as the plan message that goes onto the wire."""

from __future__ import annotations

from datetime import timedelta

from controltower import polyline
from controltower.simulate.city import to_degrees
from controltower.simulate.clock import SimulatedClock
from controltower.simulate.rounds import LOADING_S, Drop, Round
from schemas.vocabulary import StopKind
from schemas.wire import Plan, Stop

TENANT = "demo"
#: Windows open this long before the planned arrival.
_WINDOW_BEFORE = timedelta(minutes=30)
#: How much later than planned a round may end before its shift is over.
_SHIFT_SLACK_S = 3600


def plan_message(tour: Round, clock: SimulatedClock) -> Plan:
    """Version 1 of the plan: the depot, then every door."""
    drops = [_stop(index, drop, tour, clock) for index, drop in enumerate(tour.drops, start=1)]
    return Plan(
        route_id=tour.route_id,
        version=1,
        tenant=TENANT,
        carrier=tour.carrier.feed,
        vehicle_id=tour.vehicle_id,
        depot=tour.depot_id,
        departs_at=clock.at(tour.departs_s),
        ends_by=clock.at(tour.ends_s + _SHIFT_SLACK_S),
        stops=(_depot(tour, clock), *drops),
        path=polyline.encode(to_degrees(point) for point in tour.path) if tour.has_path else None,
    )


def _depot(tour: Round, clock: SimulatedClock) -> Stop:
    lat, lon = to_degrees(tour.depot)
    return Stop(
        stop_id=tour.depot_id,
        sequence=0,
        lat=round(lat, 6),
        lon=round(lon, 6),
        planned_arrival=clock.at(tour.departs_s - LOADING_S),
        planned_departure=clock.at(tour.departs_s),
        service_s=LOADING_S,
        kind=StopKind.DEPOT,
    )


def _stop(sequence: int, drop: Drop, tour: Round, clock: SimulatedClock) -> Stop:
    lat, lon = to_degrees(drop.point)
    planned_at, promised_by = clock.at(drop.planned_s), clock.at(drop.promised_s)
    return Stop(
        stop_id=drop.stop_id,
        sequence=sequence,
        lat=round(lat, 6),
        lon=round(lon, 6),
        window_from=planned_at - _WINDOW_BEFORE,
        window_to=promised_by,
        promised_by=promised_by,
        planned_arrival=planned_at,
        planned_departure=clock.at(drop.planned_s + drop.service_s),
        service_s=drop.service_s,
        kind=StopKind.DELIVERY,
        shipment_ids=drop.shipment_ids,
        zone=tour.zone,
        service_tier=drop.promise.tier,
    )
