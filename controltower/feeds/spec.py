"""What a mapping file says: one feed's dialect as data. mappings/*.yaml are the examples, docs/feeds.md the
reference."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, field_validator

from controltower.feeds.conditions import Condition, NothingSpec
from controltower.feeds.events import compile_events
from controltower.feeds.fields import FieldRule
from controltower.feeds.formats import LIST_FORMATS, CsvSpec, Encoding, Format
from controltower.feeds.nested import NestedSpec
from controltower.feeds.paths import Paths, compile_paths
from controltower.feeds.tables import compile_table
from controltower.feeds.times import compile_time
from controltower.feeds.zones import CountryZone, FieldZone, compile_zones
from schemas.vocabulary import Milestone, Reason


def _as_path_or_list(value: Any) -> Any:
    if not isinstance(value, str | list):
        raise ValueError("a path or a list of paths is needed")
    compile_paths(value)
    return value


def _as_field(value: Any) -> Any:
    return value if isinstance(value, dict | FieldRule) else _as_path_or_list(value)


def _as_table(table: Any) -> Any:
    if isinstance(table, dict):
        compile_table(table)
    return table


def _as_tuple(value: Any) -> Any:
    """One of something may stand without its list."""
    return value if isinstance(value, list | tuple) else (value,)


PathList = Annotated[Paths, BeforeValidator(_as_path_or_list)]
FieldPaths = Annotated[FieldRule | Paths, BeforeValidator(_as_field)]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")]
FieldName = Literal[
    "revision",
    "shipment_ids",
    "route_id",
    "vehicle_id",
    "stop_id",
    "carrier",
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

#: What the carrier's code means: a milestone, a milestone with its reason, or null for no milestone.
Meaning = Milestone | tuple[Milestone, Reason] | None
SpeedUnit = Literal["m/s", "km/h", "mph", "kn"]
#: The words of parcel-tracking software for where a parcel stands.
Status = Literal[
    "pending",
    "picked_up",
    "in_transit",
    "on_hold",
    "out_for_delivery",
    "delivery_delayed",
    "delivery_failed",
    "ready_for_pickup",
    "delivered",
    "return_to_sender",
    "cancelled",
    "unknown",
]
CodeTable = Annotated[dict[str, Meaning], BeforeValidator(_as_table)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SchemaSpec(_Part):
    """Which versions of the dialect this mapping reads. Numbers are compared as text."""

    field: PathList
    known: tuple[str, ...] = Field(min_length=1)
    optional: bool = Field(default=False, description="a payload without a version is of a known one")


class TimeSpec(_Part):
    """How times are written. A zone is only for times without an offset; the scan names it if assumed."""

    format: Annotated[tuple[str, ...], BeforeValidator(_as_tuple), Field(min_length=1)]
    zone: Annotated[tuple[FieldZone | CountryZone | str, ...] | None, BeforeValidator(_as_tuple)] = Field(
        default=None, description="tried in order; without it the zone of the event's coordinates"
    )

    @field_validator("zone", mode="before")
    @classmethod
    def _none_is_none(cls, zone: Any) -> Any:
        return None if zone == (None,) else zone

    @field_validator("format")
    @classmethod
    def _are_formats(cls, formats: tuple[str, ...]) -> tuple[str, ...]:
        compile_time(formats, lambda chain: None)
        return formats

    @field_validator("zone")
    @classmethod
    def _are_zones(cls, zone: tuple[FieldZone | CountryZone | str, ...] | None) -> Any:
        compile_zones(zone or (), lambda chain: None, lambda chain: None)
        return zone


class LookupSpec(_Part):
    """A table for another value than the code."""

    field: FieldPaths
    codes: CodeTable


class StatusSpec(_Part):
    """Where the carrier's status differs from what its milestones say: by `field`, else by the code."""

    field: PathList | None = None
    values: Annotated[dict[str, Status | None], BeforeValidator(_as_table)]


class MappingSpec(_Part):
    """One feed. `identity` are the values that tell an event of the carrier from its other events."""

    feed: Name
    carrier: Name
    tenant: Name = "default"
    format: Format = "json"
    encoding: Encoding = Field(
        default="utf-8", description="of JSON, NDJSON and CSV; XML says its own in its first line"
    )
    csv: CsvSpec = CsvSpec()
    nested: Annotated[tuple[NestedSpec, ...], BeforeValidator(_as_tuple)] = Field(
        default=(), description="JSON that stands as text within the payload, as message services wrap it"
    )
    schema_: SchemaSpec | None = Field(default=None, alias="schema")
    events: Annotated[tuple[str, ...] | None, BeforeValidator(_as_tuple)] = None
    nothing: Annotated[tuple[NothingSpec, ...], BeforeValidator(_as_tuple)] = ()
    skip: Annotated[tuple[Condition, ...], BeforeValidator(_as_tuple)] = ()
    identity: tuple[PathList, ...] = ()
    required: tuple[FieldName, ...] = ("occurred_at",)
    fields: dict[FieldName, FieldPaths]
    time: TimeSpec
    speed_unit: SpeedUnit = "m/s"
    numbers: Literal["strict", "text"] = Field(
        default="strict", description="`text`: numbers may be written as text, as always in XML and CSV"
    )
    codes: CodeTable | Literal["vocabulary"] = Field(default_factory=dict)
    lookups: tuple[LookupSpec, ...] = ()
    texts: CodeTable = Field(default_factory=dict)
    reasons: dict[str, Reason] | Literal["vocabulary"] = Field(default_factory=dict)
    status: StatusSpec | None = None
    personal: tuple[PathList, ...] = ()

    @field_validator("events", mode="before")
    @classmethod
    def _events_is_a_path(cls, events: Any) -> Any:
        events = None if events == (None,) else events
        compile_events(events)
        return events

    @field_validator("fields")
    @classmethod
    def _fields_suffice(cls, fields: dict[FieldName, Any]) -> dict[FieldName, Any]:
        if "occurred_at" not in fields:
            raise ValueError("occurred_at is missing")
        if "route_id" not in fields and "shipment_ids" not in fields:
            raise ValueError("neither route_id nor shipment_ids is mapped")
        if ("lat" in fields) != ("lon" in fields):
            raise ValueError("lat and lon come together")
        return fields

    @property
    def event_paths(self) -> tuple[str, ...] | None:
        """Where the events stand; a format that is a list holds them itself."""
        return ("[]",) if self.events is None and self.format in LIST_FORMATS else self.events
