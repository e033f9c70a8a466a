"""What a simulated day really held: injected events, and when each door was truly served."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from controltower.simulate.clock import SimulatedClock
from controltower.simulate.drive import Movement
from controltower.simulate.incidents import Incident, Kind
from controltower.simulate.observe import find_jump_s, find_silence


@dataclass(frozen=True, slots=True)
class TrueEvent:
    """Something that happened on a route. `kind.is_due` says whether it deserves an exception."""

    route_id: str
    kind: Kind
    starts_at_ms: int
    ends_at_ms: int
    stop_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StopOutcome:
    """The label of one planned stop for the delay model."""

    route_id: str
    stop_id: str
    sequence: int
    planned_at_ms: int
    promised_at_ms: int
    arrived_at_ms: int
    served_at_ms: int
    delivered: bool

    @property
    def late(self) -> bool:
        """Whether the van truly came after the promise."""
        return self.arrived_at_ms > self.promised_at_ms


def tell_outcomes(movement: Movement, clock: SimulatedClock) -> list[StopOutcome]:
    """What happened at each door, in driving order; sequence 0 is the depot."""
    return [
        StopOutcome(
            movement.tour.route_id,
            visit.drop.stop_id,
            index,
            clock.at_ms(visit.drop.planned_s),
            clock.at_ms(visit.drop.promised_s),
            clock.at_ms(visit.arrived_s),
            clock.at_ms(round(visit.served_s)),
            visit.delivered,
        )
        for index, visit in enumerate(movement.visits, start=1)
    ]


def tell_truth(
    movement: Movement, incident: Incident | None, outcomes: Sequence[StopOutcome], clock: SimulatedClock
) -> list[TrueEvent]:
    """The events of one round, the natural lateness of its stops among them."""
    route_id = movement.tour.route_id
    events = [
        TrueEvent(route_id, kind, clock.at_ms(starts_s), clock.at_ms(ends_s), (stop_id,) if stop_id else ())
        for kind, starts_s, ends_s, stop_id in movement.episodes
    ]
    jump_s = find_jump_s(movement, incident)
    if jump_s is not None:
        events.append(TrueEvent(route_id, Kind.JUMP, clock.at_ms(jump_s), clock.at_ms(jump_s)))
    silence = find_silence(movement, incident)
    if silence and incident:
        starts_at_ms, ends_at_ms = clock.at_ms(silence.starts_s), clock.at_ms(silence.ends_s)
        events.append(TrueEvent(route_id, incident.kind, starts_at_ms, ends_at_ms))
    late = [outcome for outcome in outcomes if outcome.late]
    if late:
        first_at_ms = min(stop.promised_at_ms for stop in late)
        last_at_ms = max(stop.arrived_at_ms for stop in late)
        stop_ids = tuple(stop.stop_id for stop in late)
        events.append(TrueEvent(route_id, Kind.LATE_STOPS, first_at_ms, last_at_ms, stop_ids))
    return events
