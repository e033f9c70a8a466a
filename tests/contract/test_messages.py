"""The contract on the wire: models, structs, JSON Schemas and examples say the same."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import wire
from schemas.base import Message
from schemas.catalogue import BY_SCHEMA, EXAMPLES, FOLDER, MESSAGES, file_name, json_schema, schema_name
from schemas.topics import TOPICS
from tests.contract.wire_values import values_of

STRUCTS = {message: getattr(wire, message.__name__) for message in MESSAGES}
EXAMPLE_FILES = sorted(EXAMPLES.glob("*/*.json"))


@pytest.mark.parametrize("message", MESSAGES, ids=lambda m: m.__name__)
def test_the_json_schema_file_is_up_to_date(message: type[Message]) -> None:
    """The published file is what the model says now (`python -m schemas.catalogue` writes it)."""
    assert (FOLDER / file_name(message)).read_text() == json_schema(message)


def test_no_json_schema_is_left_over() -> None:
    """Each published file belongs to a model."""
    assert {path.name for path in FOLDER.glob("*.json")} == {file_name(message) for message in MESSAGES}


@pytest.mark.parametrize("message", MESSAGES, ids=lambda m: m.__name__)
def test_model_and_struct_have_the_same_fields(message: type[Message]) -> None:
    """Names and order are equal, so that nothing is lost on the hot path."""
    model = [name for name in message.model_fields if name != "schema_"]
    assert model == list(STRUCTS[message].__struct_fields__)
    assert STRUCTS[message].__struct_config__.tag == schema_name(message)


@pytest.mark.parametrize("message", MESSAGES, ids=lambda m: m.__name__)
@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_model_and_struct_read_and_write_the_same(message: type[Message], data: st.DataObject) -> None:
    """struct -> JSON -> model -> JSON -> struct gives the struct again, and the JSON fits its schema."""
    struct = data.draw(values_of(STRUCTS[message]))
    written = wire.encode(struct)
    through = message.model_validate_json(written).model_dump_json(by_alias=True)
    assert msgspec.json.decode(through, type=STRUCTS[message]) == struct
    jsonschema.validate(json.loads(through), json.loads(json_schema(message)))


def test_every_public_topic_has_examples() -> None:
    """Intake, log and output topics with a schema show what stands in them."""
    shown = {path.parent.name for path in EXAMPLE_FILES}
    assert shown == {topic.name for topic in TOPICS if topic.schemas}


@pytest.mark.parametrize("path", EXAMPLE_FILES, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_an_example_is_a_record_of_its_topic(path: Path) -> None:
    """It names a schema of the topic, fits it, and both readers take it."""
    example = json.loads(path.read_text())
    topic = next(topic for topic in TOPICS if topic.name == path.parent.name)
    assert example["schema"] in topic.schemas
    message = BY_SCHEMA[example["schema"]]
    jsonschema.validate(example, json.loads(json_schema(message)))
    assert message.model_validate(example)
    assert wire.decode_any(path.read_bytes())


def test_topics_name_known_schemas_only() -> None:
    """The topic table and the catalogue agree."""
    assert {name for topic in TOPICS for name in topic.schemas} == set(BY_SCHEMA)
