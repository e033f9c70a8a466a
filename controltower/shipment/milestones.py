"""How far a shipment has come: a monotonic guard per delivery attempt."""

from __future__ import annotations

from msgspec.structs import replace

from controltower.shipment.state import Shipment
from schemas.vocabulary import MILESTONE_RANK, TERMINAL_MILESTONES, Milestone


def advance(shipment: Shipment, milestone: Milestone | None, occurred_ms: int) -> Shipment:
    """The shipment after a milestone; unchanged where the milestone is old news.

    A terminal milestone stays. Out for delivery after a failed attempt starts the next attempt. HELD has
    no rank: it counts when it is the latest, and so does whatever follows it.
    """
    if milestone is None or milestone is Milestone.UNMAPPED or shipment.is_ended:
        return shipment
    is_later = occurred_ms > shipment.milestone_ms
    if milestone in TERMINAL_MILESTONES or shipment.milestone is None:
        return replace(shipment, milestone=milestone, milestone_ms=occurred_ms)
    if (
        milestone is Milestone.OUT_FOR_DELIVERY
        and shipment.milestone is Milestone.ATTEMPT_FAILED
        and is_later
    ):
        again = shipment.attempt + 1
        return replace(shipment, milestone=milestone, milestone_ms=occurred_ms, attempt=again)
    if Milestone.HELD in (milestone, shipment.milestone):
        return replace(shipment, milestone=milestone, milestone_ms=occurred_ms) if is_later else shipment
    if MILESTONE_RANK[milestone] > MILESTONE_RANK[shipment.milestone]:
        return replace(shipment, milestone=milestone, milestone_ms=occurred_ms)
    return shipment
