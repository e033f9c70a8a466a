"""All public records in one list, and their JSON Schemas as files beside this one.

Run `python -m schemas.catalogue` after a change of a model: it writes `schemas/json/*.json`, which a test
holds equal to the models.
"""

from __future__ import annotations

import json
from pathlib import Path

from schemas.action import Action, Command, CommandReply, Feedback
from schemas.base import Message
from schemas.clock import Assignment, ShipmentsRead, Tick, VehicleMoved
from schemas.exception import ExceptionRecord, Suppression
from schemas.feed_health import FeedPulse, FeedsJudged, FeedStatus
from schemas.governing import Permit, PermitRequest, PermitReturn, PlaybookPublished, Switch
from schemas.haul import HaulPlan, HaulRequest, HaulScore, ShipmentStatus
from schemas.plan import Plan
from schemas.route_status import RouteStatus
from schemas.scan import Scan
from schemas.score import ModelChange, Score, ScoreRequest

FOLDER = Path(__file__).parent / "json"
EXAMPLES = Path(__file__).parent / "examples"

MESSAGES: tuple[type[Message], ...] = (
    Scan,
    Plan,
    Tick,
    VehicleMoved,
    Assignment,
    ShipmentsRead,
    ScoreRequest,
    Score,
    ModelChange,
    ExceptionRecord,
    Suppression,
    Action,
    Feedback,
    Command,
    CommandReply,
    RouteStatus,
    FeedPulse,
    FeedsJudged,
    FeedStatus,
    PlaybookPublished,
    Switch,
    PermitRequest,
    Permit,
    PermitReturn,
    HaulPlan,
    HaulRequest,
    HaulScore,
    ShipmentStatus,
)


def schema_name(message: type[Message]) -> str:
    """The value of the field `schema`, such as `controltower.scan/1`."""
    return str(message.model_fields["schema_"].default)


BY_SCHEMA: dict[str, type[Message]] = {schema_name(message): message for message in MESSAGES}


def file_name(message: type[Message]) -> str:
    """`controltower.scan/1` -> `scan.1.json`."""
    name, _, version = schema_name(message).removeprefix("controltower.").partition("/")
    return f"{name}.{version}.json"


def json_schema(message: type[Message]) -> str:
    """The JSON Schema (2020-12) of a record as it is written, as text."""
    schema = message.model_json_schema(by_alias=True, mode="serialization")
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["$id"] = f"urn:{schema_name(message).replace('/', ':')}"
    return json.dumps(schema, indent=2, sort_keys=True) + "\n"


def write_schemas() -> None:
    """Write every JSON Schema."""
    FOLDER.mkdir(exist_ok=True)
    for message in MESSAGES:
        (FOLDER / file_name(message)).write_text(json_schema(message))


if __name__ == "__main__":
    write_schemas()
