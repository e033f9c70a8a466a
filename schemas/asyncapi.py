"""The public topics as an AsyncAPI 3.0 document, from the topic table and the catalogue.

`python -m schemas.asyncapi` writes docs/asyncapi.json; a test holds the two equal.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from schemas.catalogue import BY_SCHEMA, EXAMPLES, file_name
from schemas.cloud_events import CONTENT_TYPE, SPEC_VERSION
from schemas.topics import TOPICS, Role, Topic

FILE = Path(__file__).parents[1] / "docs" / "asyncapi.json"
_VERSION = "1.0.0"
_SCHEMA_FORMAT = "application/schema+json;version=2020-12"
_TRAIT = "cloudEvent"
_PUBLIC = (Role.INTAKE, Role.OUTPUT)


def document() -> dict[str, Any]:
    """The whole document."""
    public = [topic for topic in TOPICS if topic.role in _PUBLIC and topic.schemas]
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Last-mile control tower",
            "version": _VERSION,
            "description": "Read with isolation.level=read_committed; keep the highest seq per id. "
            "Within a major version of a schema fields are only added.",
        },
        "defaultContentType": "application/json",
        "channels": {topic.name: _channel(topic) for topic in public},
        "operations": dict(_operation(topic) for topic in public),
        "components": {
            "messages": {
                _message_name(name): _message(topic, name) for topic in public for name in topic.schemas
            },
            "messageTraits": {_TRAIT: _cloud_event()},
        },
    }


def _cloud_event() -> dict[str, Any]:
    """The headers of what we send: CloudEvents 1.0 in the binary mode of the Kafka binding."""
    about = {
        "ce_specversion": SPEC_VERSION,
        "ce_type": "the schema of the value",
        "ce_source": "/controltower/<stage that wrote it>",
        "ce_id": "<id>/<seq>: unique within its source",
        "ce_time": "stream time of the record",
        "ce_dataschema": "urn of the JSON Schema",
        "content-type": CONTENT_TYPE,
    }
    properties = {name: {"type": "string", "description": text} for name, text in about.items()}
    return {
        "contentType": CONTENT_TYPE,
        "headers": {"type": "object", "required": list(about), "properties": properties},
    }


def text() -> str:
    """The document as JSON text."""
    return json.dumps(document(), indent=2) + "\n"


def _message_name(schema: str) -> str:
    return BY_SCHEMA[schema].__name__


def _channel(topic: Topic) -> dict[str, Any]:
    names = [_message_name(schema) for schema in topic.schemas]
    return {
        "address": topic.name,
        "description": f"{topic.about} Key: {topic.key}.",
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
    }


def _operation(topic: Topic) -> tuple[str, dict[str, Any]]:
    """What the control tower does with the topic."""
    action = "receive" if topic.role is Role.INTAKE else "send"
    return f"{action}-{topic.name}", {
        "action": action,
        "channel": {"$ref": f"#/channels/{topic.name}"},
        "summary": topic.about,
    }


def _message(topic: Topic, schema: str) -> dict[str, Any]:
    message = BY_SCHEMA[schema]
    traits = [{"$ref": f"#/components/messageTraits/{_TRAIT}"}] if topic.role is Role.OUTPUT else []
    return {
        "name": schema,
        "title": message.__name__,
        "summary": (message.__doc__ or "").strip().splitlines()[0],
        "payload": {
            "schemaFormat": _SCHEMA_FORMAT,
            "schema": {"$ref": f"../schemas/json/{file_name(message)}"},
        },
        **({"traits": traits} if traits else {}),
        "examples": [
            {"name": path.stem, "payload": json.loads(path.read_text())} for path in _examples(topic, schema)
        ],
    }


def _examples(topic: Topic, schema: str) -> list[Path]:
    found = sorted((EXAMPLES / topic.name).glob("*.json"))
    return [path for path in found if json.loads(path.read_text())["schema"] == schema]


if __name__ == "__main__":
    FILE.write_text(text())
