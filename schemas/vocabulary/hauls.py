"""A line haul: its steps, how it ends, and what its probability comes from."""

from __future__ import annotations

from enum import StrEnum

from schemas.vocabulary.milestones import Milestone


class HaulStepKind(StrEnum):
    """What is planned on a leg, in the words of Cargo iQ: received from the shipper or the leg before,
    departed, received from the flight (or the truck), delivered at the end of the leg."""

    RCS = "RCS"
    DEP = "DEP"
    RCF = "RCF"
    DLV = "DLV"


#: Which scan completes which step.
HAUL_STEP_OF: dict[Milestone, HaulStepKind] = {
    Milestone.PICKED_UP: HaulStepKind.RCS,
    Milestone.HUB_DEPARTED: HaulStepKind.DEP,
    Milestone.HUB_ARRIVED: HaulStepKind.RCF,
    Milestone.DEPOT_ARRIVED: HaulStepKind.DLV,
    Milestone.DELIVERED: HaulStepKind.DLV,
}


class HaulStage(StrEnum):
    """How much of a line haul is known when its risk is asked for: its plan alone; all inbound legs and
    nothing of the outbound one; anything between, or a step that is overdue."""

    PLAN = "plan"
    INBOUND = "inbound"
    UNDERWAY = "underway"


class HaulEnd(StrEnum):
    """Why nobody asks any more."""

    #: its last step was scanned
    ARRIVED = "ARRIVED"
    #: the plan of a route carries the shipment, which answers for it from here on
    ROUTED = "ROUTED"
    #: delivered, returned, cancelled or lost before its last step was scanned
    SHIPMENT_ENDED = "SHIPMENT_ENDED"


class HaulScoreSource(StrEnum):
    """What answered; without a model nothing does, since no rule stands in."""

    MODEL = "MODEL"
    NO_MODEL = "NO_MODEL"
    MODEL_REFUSED = "MODEL_REFUSED"
    NO_LIBRARY = "NO_LIBRARY"
