"""What a mapping file says: one feed's dialect as data. mappings/*.yaml are the examples."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, field_validator

from controltower.feeds.paths import Paths, compile_events, compile_paths
from controltower.feeds.times import compile_time
from schemas.vocabulary import Milestone, Reason


def _checked_paths(paths: Paths) -> Paths:
    compile_paths(paths)
    return paths


def _as_path_or_list(value: Any) -> Any:
    if not isinstance(value, str | list):
        raise ValueError("a path or a list of paths is needed")
    return _checked_paths(value)


PathList = Annotated[Paths, BeforeValidator(_as_path_or_list)]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")]
FieldName = Literal[
    "revision",
    "shipment_ids",
    "route_id",
    "vehicle_id",
    "stop_id",
    "code",
    "reason_code",
    "text",
    "occurred_at",
    "recorded_at",
    "lat",
    "lon",
    "accuracy_m",
    "speed",
    "bearing_deg",
    "place_name",
    "hub",
]

#: What the carrier's code means: a milestone, a milestone with its reason, or null for a position report.
Meaning = Milestone | tuple[Milestone, Reason] | None
SpeedUnit = Literal["m/s", "km/h", "mph", "kn"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SchemaSpec(_Part):
    """Which versions of the dialect this mapping reads. Numbers are compared as text."""

    field: PathList
    known: tuple[str, ...] = Field(min_length=1)
    optional: bool = Field(default=False, description="a payload without a version is of a known one")


class NothingSpec(_Part):
    """How the carrier says that it has nothing to tell; a null among the values means an absent field."""

    field: PathList
    values: tuple[str | None, ...] = Field(min_length=1)


class TimeSpec(_Part):
    """`zone` is assumed for times without an offset, and the scan then names it."""

    format: str
    zone: str | None = None


class MappingSpec(_Part):
    """One feed. `identity` are the values that tell an event of the carrier from its other events."""

    feed: Name
    carrier: Name
    tenant: Name
    schema_: SchemaSpec | None = Field(default=None, alias="schema")
    events: str | None = None
    nothing: NothingSpec | None = None
    identity: tuple[PathList, ...] = Field(min_length=1)
    required: tuple[FieldName, ...] = ("occurred_at",)
    fields: dict[FieldName, PathList]
    time: TimeSpec
    speed_unit: SpeedUnit = "m/s"
    codes: dict[str, Meaning] | Literal["vocabulary"] = Field(default_factory=dict)
    reasons: dict[str, Reason] | Literal["vocabulary"] = Field(default_factory=dict)

    @field_validator("events")
    @classmethod
    def _events_is_a_path(cls, events: str | None) -> str | None:
        compile_events(events)
        return events

    @field_validator("time")
    @classmethod
    def _time_is_readable(cls, time: TimeSpec) -> TimeSpec:
        try:
            compile_time(time.format, time.zone)
        except KeyError:
            raise ValueError(f"{time.zone!r} is no time zone") from None
        return time

    @field_validator("fields")
    @classmethod
    def _fields_suffice(cls, fields: dict[FieldName, Paths]) -> dict[FieldName, Paths]:
        if "occurred_at" not in fields:
            raise ValueError("occurred_at is missing")
        if "route_id" not in fields and "shipment_ids" not in fields:
            raise ValueError("neither route_id nor shipment_ids is mapped")
        if ("lat" in fields) != ("lon" in fields):
            raise ValueError("lat and lon come together")
        return fields
