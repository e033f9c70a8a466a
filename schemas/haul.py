"""The line haul of a shipment that no route carries yet: what is planned, the question how likely it misses
its promised day, the answer, and what is told of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Final, Literal

from pydantic import Field, model_validator

from schemas.base import Finite, Identifier, Instant, Message, NonNegative, Part, Source
from schemas.score import Probability
from schemas.vocabulary import HaulEnd, HaulScoreSource, HaulStage, HaulStepKind, Milestone, Phase

HAUL_PLAN_SCHEMA: Final = "controltower.haul-plan/1"
HAUL_REQUEST_SCHEMA: Final = "controltower.haul-request/1"
HAUL_SCORE_SCHEMA: Final = "controltower.haul-score/1"
SHIPMENT_STATUS_SCHEMA: Final = "controltower.shipment-status/1"
#: Four flights would find no column in the tables that the model learns from.
MOST_FLIGHTS: Final = 3
MOST_INBOUND: Final = 3
#: A hundred days: beyond it the number has another unit.
_MOST_MINUTES: Final = 144_000
Minutes = Annotated[float, Field(gt=0, le=_MOST_MINUTES, allow_inf_nan=False)]


class HaulStep(Part):
    """One planned step: it takes so many minutes from the one before it, or from the beginning of its leg."""

    step: HaulStepKind
    place: Identifier | None = Field(
        default=None,
        description="the stop_id, or else the hub, of the scan that completes it; null: any place",
    )
    planned_min: Minutes


class HaulLeg(Part):
    """RCS, one to three times DEP and RCF, DLV."""

    leg_id: Identifier
    steps: tuple[HaulStep, ...] = Field(min_length=4, max_length=2 + 2 * MOST_FLIGHTS)

    @model_validator(mode="after")
    def _in_order(self) -> HaulLeg:
        flights = (len(self.steps) - 2) // 2
        wanted = (HaulStepKind.RCS, *(HaulStepKind.DEP, HaulStepKind.RCF) * flights, HaulStepKind.DLV)
        if tuple(step.step for step in self.steps) != wanted:
            raise ValueError("steps must be RCS, then DEP and RCF once to three times, then DLV")
        return self

    @property
    def planned_min(self) -> float:
        """From its beginning to its DLV."""
        return sum(step.planned_min for step in self.steps)


class HaulPlan(Message):
    """What is planned for a shipment before a route carries it.

    The inbound legs begin together at `starts_at`, the outbound leg when the last of them is through; its end
    as planned is the promise, frozen with the version. A higher version replaces a lower one.
    """

    schema_: Literal["controltower.haul-plan/1"] = Field(default=HAUL_PLAN_SCHEMA, alias="schema")
    shipment_id: Identifier
    version: int = Field(ge=1, le=2**53)
    tenant: Identifier = "default"
    carrier: Identifier
    starts_at: Instant
    inbound: tuple[HaulLeg, ...] = Field(min_length=1, max_length=MOST_INBOUND)
    outbound: HaulLeg
    received_at: Instant | None = Field(default=None, description="set by normalize")
    source: Source | None = Field(default=None, description="set by normalize")

    @model_validator(mode="after")
    def _consistent(self) -> HaulPlan:
        legs = (*self.inbound, self.outbound)
        if len({leg.leg_id for leg in legs}) != len(legs):
            raise ValueError("leg_id must be unique within a plan")
        steps = [(step.step, step.place) for leg in legs for step in leg.steps]
        if len(set(steps)) != len(steps):
            raise ValueError("two steps of one kind at one place: no scan could tell them apart")
        return self

    @property
    def promised_by(self) -> datetime:
        """The end of the outbound leg as planned."""
        longest_min = max(leg.planned_min for leg in self.inbound)
        return self.starts_at + timedelta(minutes=longest_min + self.outbound.planned_min)


class LegMinutes(Part):
    """A leg in minutes, by the steps RCS, DEP and RCF of up to three flights, DLV; null where there is no
    such step or it is not known yet. Empty: there is no such leg."""

    planned: tuple[Finite | None, ...] = Field(max_length=8)
    effective: tuple[Finite | None, ...] = Field(max_length=8)
    waiting_min: Finite | None = Field(
        default=None, description="since its last known step or its beginning; null unless it is under way"
    )


class HaulRequest(Message):
    """Asks how likely a shipment misses its promised day."""

    schema_: Literal["controltower.haul-request/1"] = Field(default=HAUL_REQUEST_SCHEMA, alias="schema")
    request_id: str
    shipment_id: Identifier
    tenant: Identifier
    as_of: Instant
    stage: HaulStage
    legs: tuple[LegMinutes, ...] = Field(
        min_length=4, max_length=4, description="three inbound legs and the outbound one"
    )


class HaulScore(Message):
    """The answer, appended to the log of the shipment. p_late is null where no model answers."""

    schema_: Literal["controltower.haul-score/1"] = Field(default=HAUL_SCORE_SCHEMA, alias="schema")
    request_id: str
    shipment_id: Identifier
    as_of: Instant
    stage: HaulStage
    p_late: Probability | None
    scored_by: HaulScoreSource
    model_version: str | None


class ShipmentStatus(Message):
    """The latest view of a shipment with a line haul, up to the route that carries it."""

    schema_: Literal["controltower.shipment-status/1"] = Field(default=SHIPMENT_STATUS_SCHEMA, alias="schema")
    shipment_id: Identifier
    seq: int = Field(ge=1)
    tenant: Identifier
    carrier: Identifier
    plan_version: int = Field(ge=1)
    promised_by: Instant
    phase: Phase
    ended_because: HaulEnd | None = None
    route_id: Identifier | None = Field(default=None, description="the route that carries it by now")
    milestone: Milestone | None = Field(default=None, description="how far it has come, by all its scans")
    steps_done: int = Field(ge=0)
    steps_left: int = Field(ge=0)
    expected_at: Instant | None = Field(
        default=None,
        description="its end if all that is left takes as long as planned; null at its end",
    )
    p_late: Probability | None = Field(
        default=None,
        description="of missing promised_by; null where no model answered, or it is decided",
    )
    scored_at: Instant | None = Field(default=None, description="what p_late was known of")
    scored_by: HaulScoreSource | None = Field(default=None, description="null: not yet answered")
    model_version: str | None = None
    missed: bool | None = Field(
        default=None, description="whether promised_by was missed: known once it is over, or has arrived"
    )
    late_s: NonNegative | None = Field(
        default=None, description="how late it arrived, 0 in time; null but for ARRIVED"
    )
    as_of: Instant
