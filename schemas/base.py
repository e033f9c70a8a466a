"""What all messages share: strict models, UTC instants, bounded places."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field


def _utc(value: datetime) -> datetime:
    return value.astimezone(UTC)


#: An instant: RFC 3339 with an offset, kept in UTC.
Instant = Annotated[AwareDatetime, AfterValidator(_utc)]
Latitude = Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)]
Longitude = Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Identifier = Annotated[str, Field(min_length=1, max_length=200)]


class Message(BaseModel):
    """A record on a topic. Unknown fields are ignored: within a major version fields are only added."""

    model_config = ConfigDict(extra="ignore", populate_by_name=True, frozen=True, ser_json_inf_nan="null")


class Part(Message):
    """A piece of a message."""


class Source(Part):
    """Where the original bytes of a record stand."""

    topic: str
    partition: int = Field(ge=0)
    offset: int = Field(ge=0)
    index: int = Field(default=0, ge=0, description="position of the event within one payload")
