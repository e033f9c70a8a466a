"""From the device to the intake: batches, delays, disorder and duplicates."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import NamedTuple

from controltower.intake import Arrival
from controltower.simulate.assumptions import Assumptions
from controltower.simulate.clock import SimulatedClock
from controltower.simulate.dialects import write_payload
from controltower.simulate.observe import Observation

#: How often a tracker of a batching carrier holds a ping back and sends it with the next one.
_PAIR_SHARE = 0.15
#: No ping waits longer than this for its pair, so that nothing is later than the network's worst.
_PAIR_GAP_S = 40


class Delivery(NamedTuple):
    """Reports that arrived at the intake together. `sent_s`: when their payload was written."""

    received_at_ms: int
    sent_s: float
    observations: list[Observation]


def deliver(
    observations: list[Observation], clock: SimulatedClock, assumptions: Assumptions, rng: Random
) -> Iterator[Delivery]:
    """What arrives of one device, not yet in order; some comes twice."""
    for batch in _batches(observations, rng):
        sent_s = batch[-1].at_s + 1
        delay_s = _delay_s(assumptions, rng, paired=len(batch) > 1)
        delivery = Delivery(clock.at_ms(sent_s + delay_s), sent_s, batch)
        yield delivery
        if rng.random() < assumptions.duplicate_share:
            again_ms = delivery.received_at_ms + round(assumptions.duplicate_after_s.draw(rng) * 1000)
            yield delivery._replace(received_at_ms=again_ms)


def as_arrival(delivery: Delivery, clock: SimulatedClock) -> Arrival:
    """The same as the carrier's payload."""
    batch = delivery.observations
    payload = write_payload(batch, clock, delivery.sent_s)
    return Arrival(delivery.received_at_ms, _key(batch[0]), payload, batch[0].tour.carrier.feed)


def _batches(observations: list[Observation], rng: Random) -> Iterator[list[Observation]]:
    held: list[Observation] = []
    for observation in observations:
        if held and observation.at_s - held[0].at_s > _PAIR_GAP_S:
            yield held
            held = []
        may_wait = observation.tour.carrier.sends_batches and observation.milestone is None
        if may_wait and not held and rng.random() < _PAIR_SHARE:
            held = [observation]
            continue
        yield [*held, observation]
        held = []
    if held:
        yield held


def _delay_s(assumptions: Assumptions, rng: Random, *, paired: bool) -> float:
    if not paired and rng.random() < assumptions.slow_share:
        return assumptions.slow_network_s.draw(rng) - 1.0
    return assumptions.network_s.draw(rng)


def _key(observation: Observation) -> bytes:
    """Carriers key by vehicle, or by parcel where a scan names one."""
    subject = observation.shipment_ids[0] if observation.shipment_ids else observation.tour.vehicle_id
    return subject.encode()
