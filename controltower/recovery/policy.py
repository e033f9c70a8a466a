"""The shape of a playbook: which exception is answered by which steps, and within which limits."""

from __future__ import annotations

import hashlib
import json
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from schemas.vocabulary import ActionName, ExceptionCode, Tier

DAY_S = 86_400
Duration = Annotated[int, Field(gt=0, le=DAY_S)]
Severity = Annotated[int, Field(ge=1, le=4)]


class Mode(StrEnum):
    """Whether the playbook acts. `shadow` and `off` publish every decision as SUPPRESSED."""

    ACT = "act"
    SHADOW = "shadow"
    OFF = "off"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Condition(_Part):
    """All that is given must hold. Severity 1 is the worst."""

    severity_at_most: Severity | None = None
    occurrences_at_least: Annotated[int, Field(ge=2)] | None = None
    after_failure: bool = Field(
        default=False, description="an earlier action for this exception failed or expired"
    )

    @model_validator(mode="after")
    def _says_something(self) -> Condition:
        if not self.model_fields_set:
            raise ValueError("an empty condition; leave `when` out where the step always applies")
        return self


class Step(_Part):
    """One action that may be taken, and what governs it. Durations in seconds of stream time."""

    action: ActionName
    tier: Tier
    why: str = Field(min_length=1, description="the sentence that is published as the action's reason")
    when: tuple[Condition, ...] = Field(default=(), description="any of these; none: always")
    min_p_late: Annotated[float, Field(ge=0, le=1)] | None = Field(
        default=None, description="else LOW_CONFIDENCE"
    )
    before_respond_by: bool = Field(
        default=False, description="after the exception's respond_by: STALE_EXCEPTION"
    )
    ttl_s: Duration = Field(description="without an end after this long the action is EXPIRED")
    cooldown_s: Duration = Field(description="the same action for the same home waits this long")
    max_attempts: Annotated[int, Field(ge=1, le=10)] = Field(default=1, description="per exception")
    cost: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    expected_gain_s: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    parameters: dict[str, str | int | float | bool] = Field(default_factory=dict)
    pass_on: tuple[str, ...] = Field(
        default=(), description="numbers of the exception that go into the parameters"
    )

    @model_validator(mode="after")
    def _two_persons(self) -> Step:
        if self.action is ActionName.RETURN_TO_SENDER and self.tier is not Tier.PROPOSE:
            raise ValueError("RETURN_TO_SENDER needs two persons and can only be proposed")
        return self


class Rule(_Part):
    """The steps that answer one code, in the order in which they are weighed."""

    why: str = Field(min_length=1)
    steps: tuple[Step, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _each_once(self) -> Rule:
        if len({step.action for step in self.steps}) != len(self.steps):
            raise ValueError("an action may stand once in a rule; use max_attempts to repeat it")
        return self

    def place_of(self, action: ActionName) -> int:
        """Index of the step with this action; the number of steps where there is none."""
        names = [step.action for step in self.steps]
        return names.index(action) if action in names else len(names)


class Playbook(_Part):
    """The recovery policy. A code without a rule is denied."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$")]
    mode: Mode = Mode.ACT
    cost_cap: Annotated[float, Field(ge=0, allow_inf_nan=False)] = Field(
        description="what all dispatched actions of one home may cost together"
    )
    rules: dict[ExceptionCode, Rule]

    @cached_property
    def policy_version(self) -> str:
        """Name and hash of the content: two playbooks that decide alike have the same."""
        content: dict[str, Any] = self.model_dump(mode="json")
        canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
        return f"{self.name}@{hashlib.sha256(canonical.encode()).hexdigest()[:12]}"
