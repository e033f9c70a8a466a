"""The shape of a playbook: which exception is answered by which steps, and within which limits."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any, NamedTuple

from pydantic import Field, model_validator

from controltower.recovery.limits import (
    Cap,
    Cost,
    CustomerMessages,
    Name,
    PlaybookPart,
    QuietHours,
    Scope,
    TimeZone,
)
from schemas.vocabulary import ActionName, ExceptionCode, Tier

DAY_S = 86_400
Duration = Annotated[int, Field(gt=0, le=DAY_S)]
Severity = Annotated[int, Field(ge=1, le=4)]
Share = Annotated[float, Field(ge=0, le=1)]
Parameters = dict[str, str | int | float | bool]


class Mode(StrEnum):
    """Whether the playbook acts. `shadow` and `off` publish every decision as SUPPRESSED."""

    ACT = "act"
    SHADOW = "shadow"
    OFF = "off"


class Undoing(StrEnum):
    """What makes an action that was sent to be taken back or put right."""

    FAILED = "FAILED"
    EXPIRED = "EXPIRED"
    CLEARED = "CLEARED"


class Condition(PlaybookPart):
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


class Compensation(PlaybookPart):
    """What puts an action right that has run and should not have, while its exception is still open."""

    action: ActionName
    why: str = Field(min_length=1)
    after: tuple[Undoing, ...] = Field(
        min_length=1,
        description="FAILED, EXPIRED: after dispatch had accepted it; CLEARED: it succeeded, then the "
        "condition was over",
    )
    ttl_s: Duration
    cost: Cost = 0.0
    parameters: Parameters = Field(default_factory=dict)


class Step(PlaybookPart):
    """One action that may be taken, and what governs it. Durations in seconds of stream time."""

    action: ActionName
    tier: Tier
    why: str = Field(min_length=1, description="the sentence that is published as the action's reason")
    when: tuple[Condition, ...] = Field(default=(), description="any of these; none: always")
    severity_at_most: Severity | None = Field(
        default=None, description="the least severity: 1 is the worst; milder exceptions pass it over"
    )
    min_p_late: Share | None = Field(default=None, description="else LOW_CONFIDENCE")
    min_confidence: Share | None = Field(
        default=None, description="of the number `confidence` of the exception; else LOW_CONFIDENCE"
    )
    before_respond_by: bool = Field(
        default=False, description="after the exception's respond_by: STALE_EXCEPTION"
    )
    before_cut_off: bool = Field(
        default=False, description="after the exception's number `cut_off`: STALE_EXCEPTION"
    )
    needs_attempts_left: bool = Field(
        default=False, description="where the number `attempts_left` is 0: MAX_ATTEMPTS"
    )
    ttl_s: Duration = Field(description="without an end after this long the action is EXPIRED")
    cooldown_s: Duration = Field(description="the same action for the same home waits this long")
    max_attempts: Annotated[int, Field(ge=1, le=10)] = Field(default=1, description="per exception")
    cost: Cost = 0.0
    expected_gain_s: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    approver: Name | None = Field(
        default=None, description="role that an approval must name; none: anybody who may command"
    )
    parameters: Parameters = Field(default_factory=dict)
    pass_on: tuple[str, ...] = Field(
        default=(), description="numbers of the exception that go into the parameters"
    )
    compensate: Compensation | None = None

    @model_validator(mode="after")
    def _two_persons(self) -> Step:
        if self.action is ActionName.RETURN_TO_SENDER and self.tier is Tier.AUTO_EXECUTE:
            raise ValueError("RETURN_TO_SENDER needs two persons and never runs by itself")
        return self


class Scoped(PlaybookPart):
    """Other steps for some tenants, carriers, zones or service tiers."""

    name: Name
    scope: Scope
    why: str = Field(min_length=1)
    steps: tuple[Step, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _each_once(self) -> Scoped:
        _refuse_repeated(self.steps)
        return self


class Chosen(NamedTuple):
    """The steps that answer one exception, and the name by which actions refer to them."""

    name: str
    steps: tuple[Step, ...]

    def place_of(self, action: ActionName) -> int:
        """Index of the step with this action; the number of steps where there is none."""
        names = [step.action for step in self.steps]
        return names.index(action) if action in names else len(names)


class Rule(PlaybookPart):
    """The steps that answer one code, in the order in which they are weighed. No steps: denied on purpose."""

    why: str = Field(min_length=1)
    steps: tuple[Step, ...] = ()
    scoped: tuple[Scoped, ...] = Field(default=(), description="the first whose scope covers it counts")

    @model_validator(mode="after")
    def _each_once(self) -> Rule:
        _refuse_repeated(self.steps)
        if len({scoped.name for scoped in self.scoped}) != len(self.scoped):
            raise ValueError("two scoped rules have one name")
        return self


def _refuse_repeated(steps: tuple[Step, ...]) -> None:
    if len({step.action for step in steps}) != len(steps):
        raise ValueError("an action may stand once in a rule; use max_attempts to repeat it")


class Playbook(PlaybookPart):
    """The recovery policy. A code without a rule is denied."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$")]
    mode: Mode = Mode.ACT
    time_zone: TimeZone = Field(default="UTC", description="of days, and of recipients nothing is known of")
    cost_cap: Cost = Field(description="what all dispatched actions of one home may cost together")
    two_persons_above: Cost | None = Field(
        default=None, description="an action that costs more needs the approval of two persons"
    )
    customer_messages: CustomerMessages | None = None
    quiet_hours: QuietHours | None = None
    caps: tuple[Cap, ...] = ()
    rules: dict[ExceptionCode, Rule]

    @model_validator(mode="after")
    def _consistent(self) -> Playbook:
        if len({cap.name for cap in self.caps}) != len(self.caps):
            raise ValueError("two caps have one name")
        for name, step in self.all_steps():
            if self.persons_for(step) > 1 and step.tier is Tier.AUTO_EXECUTE:
                raise ValueError(
                    f"{name}: {step.action} costs more than two_persons_above and cannot run by itself"
                )
        return self

    def all_steps(self) -> Iterator[tuple[str, Step]]:
        """Every step with the name of its rule."""
        for code, rule in self.rules.items():
            yield from ((code.value, step) for step in rule.steps)
            for scoped in rule.scoped:
                yield from ((f"{code.value}/{scoped.name}", step) for step in scoped.steps)

    def persons_for(self, step: Step) -> int:
        """How many different persons must approve the step; 0: it runs by itself."""
        dear = self.two_persons_above is not None and step.cost > self.two_persons_above
        if dear or step.action is ActionName.RETURN_TO_SENDER:
            return 2
        return 0 if step.tier is Tier.AUTO_EXECUTE else 1

    def choose(
        self,
        code: ExceptionCode,
        tenant: str,
        carrier: str | None = None,
        zone: str | None = None,
        service_tier: str | None = None,
    ) -> Chosen:
        """The steps for an exception; none where the code has no rule."""
        rule = self.rules.get(code)
        if rule is None:
            return Chosen(code.value, ())
        for scoped in rule.scoped:
            if scoped.scope.covers(tenant, carrier, zone, service_tier):
                return Chosen(f"{code.value}/{scoped.name}", scoped.steps)
        return Chosen(code.value, rule.steps)

    @cached_property
    def policy_version(self) -> str:
        """Name and hash of what differs from the defaults: two playbooks that decide alike have the same."""
        content: dict[str, Any] = self.model_dump(mode="json", exclude_defaults=True)
        canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
        return f"{self.name}@{hashlib.sha256(canonical.encode()).hexdigest()[:12]}"
