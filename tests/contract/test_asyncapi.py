"""The AsyncAPI document is what the topic table and the models say, and leads somewhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from schemas.asyncapi import FILE, document, text
from schemas.topics import TOPICS, Role


def references(node: Any) -> Iterator[str]:
    """Every $ref outside of examples."""
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for name, child in node.items():
            if name != "examples":
                yield from references(child)
    elif isinstance(node, list):
        for child in node:
            yield from references(child)


def test_the_file_is_up_to_date() -> None:
    """`python -m schemas.asyncapi` writes it."""
    assert FILE.read_text() == text()


def test_every_reference_leads_somewhere() -> None:
    """Within the document, or to a JSON Schema beside it."""
    whole = document()
    found = list(references(whole))
    assert found
    for reference in found:
        if not reference.startswith("#/"):
            assert json.loads((FILE.parent / reference).read_text())["$id"].startswith("urn:controltower.")
            continue
        node: Any = whole
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]
        assert node


def test_every_public_topic_is_a_channel_with_examples() -> None:
    """What outsiders write and read, and nothing else."""
    public = {t.name for t in TOPICS if t.role in (Role.INTAKE, Role.OUTPUT) and t.schemas}
    whole = document()
    assert set(whole["channels"]) == public
    assert all(message["examples"] for message in whole["components"]["messages"].values())
