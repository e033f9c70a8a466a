"""The limits of a playbook: whom a rule is for, caps, quiet hours, what a customer may be sent."""

from __future__ import annotations

from datetime import time
from enum import StrEnum
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from schemas.vocabulary import ActionName


class PlaybookPart(BaseModel):
    """A piece of a playbook: what it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{name!r} is no time zone such as Europe/Berlin") from None
    return name


TimeZone = Annotated[str, AfterValidator(_known_zone)]
Cost = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]


class Per(StrEnum):
    """What a cap counts for."""

    SHIPMENT = "shipment"
    ROUTE = "route"
    VEHICLE = "vehicle"
    CARRIER = "carrier"
    TENANT = "tenant"


class Window(StrEnum):
    """When a cap begins anew. `open` counts the actions that are sent and not at their end."""

    HOUR = "hour"
    DAY = "day"
    OPEN = "open"


class Cap(PlaybookPart):
    """How many actions, or how much cost, may be sent for one target within one window."""

    name: Name
    per: Per
    within: Window = Field(description="`day` is a day in the playbook's time_zone")
    actions: tuple[ActionName, ...] = Field(default=(), description="which actions count; none: all")
    most: Annotated[int, Field(ge=0)] | None = Field(default=None, description="actions")
    most_cost: Cost | None = Field(default=None, description="their cost together")

    @model_validator(mode="after")
    def _limits_something(self) -> Cap:
        if self.most is None and self.most_cost is None:
            raise ValueError("needs most or most_cost")
        return self

    def counts(self, action: ActionName, cost: float) -> bool:
        """Whether such an action needs a permit; what costs nothing needs none where only cost counts."""
        if self.actions and action not in self.actions:
            return False
        return self.most is not None or cost > 0


class QuietHours(PlaybookPart):
    """Hours of the recipient's day in which these actions wait.

    The recipient's time zone is that of the exception's zone, else of its tenant, else the nautical one of
    the place (a whole hour per 15 degrees of longitude), else the playbook's.
    """

    begins: time = Field(description="local time, such as 21:00")
    ends: time
    actions: tuple[ActionName, ...] = Field(min_length=1)
    zones: dict[str, TimeZone] = Field(default_factory=dict, description="zone of the exception -> time zone")
    tenants: dict[str, TimeZone] = Field(default_factory=dict, description="tenant -> time zone")

    @model_validator(mode="after")
    def _are_hours(self) -> QuietHours:
        if self.begins == self.ends:
            raise ValueError("begins and ends are the same")
        return self


class CustomerMessages(PlaybookPart):
    """How often one customer may be sent something while an exception of the same home is open."""

    most: Annotated[int, Field(ge=1)] = Field(
        description="per shipment where the exception names one, else per stop"
    )
    actions: tuple[ActionName, ...] = (ActionName.NOTIFY_CUSTOMER, ActionName.CONFIRM_WITH_CUSTOMER)


class Scope(PlaybookPart):
    """Whom a rule is for: all that is given must hold, each by one of its names."""

    tenant: tuple[str, ...] = ()
    carrier: tuple[str, ...] = ()
    zone: tuple[str, ...] = ()
    service_tier: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _says_something(self) -> Scope:
        if not any((self.tenant, self.carrier, self.zone, self.service_tier)):
            raise ValueError("an empty scope; steps for everybody stand in the rule itself")
        return self

    def covers(self, tenant: str, carrier: str | None, zone: str | None, service_tier: str | None) -> bool:
        """Whether an exception with these names is meant; one that lacks a name is not."""
        return (
            (not self.tenant or tenant in self.tenant)
            and (not self.carrier or carrier in self.carrier)
            and (not self.zone or zone in self.zone)
            and (not self.service_tier or service_tier in self.service_tier)
        )
