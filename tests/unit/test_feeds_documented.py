"""docs/feeds.md and docs/vocabulary.md tell what the code does."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import pytest

from agents.feeds_shown import print_tests
from controltower.feeds.explain import explain
from controltower.feeds.registry import make_feed, parse_mapping
from controltower.feeds.spec import FieldName, MappingSpec
from controltower.feeds.status import STATUS_OF, party_of
from schemas.vocabulary import MILESTONE_RANK, Milestone, Reason

DOCS = Path(__file__).parents[2] / "docs"
FEEDS = (DOCS / "feeds.md").read_text()
VOCABULARY = (DOCS / "vocabulary.md").read_text()


def block(kind: str) -> str:
    found = re.search(rf"```{kind}\n(.*?)```", FEEDS, re.DOTALL)
    assert found is not None
    return found[1]


def test_the_worked_example_works() -> None:
    """Its mapping makes of its payload what is shown."""
    feed = make_feed(parse_mapping(block("yaml"), "example"))
    shown = explain(feed, block("json").encode(), datetime(2026, 3, 3, tzinfo=UTC))
    assert [nothing["tracking_number"] for nothing in shown.nothing] == ["AC-2"]
    for event in shown.events:
        when = f"{event.occurred_at} ({event.assumed_zone} assumed)"
        told = f"{event.tracking_number} {when} {event.milestone} <- {event.code} {event.text}"
        assert told in FEEDS


def test_every_key_and_field_is_explained() -> None:
    """A mapping has nothing that the reference leaves out."""
    keys = [field.alias or name for name, field in MappingSpec.model_fields.items()]
    assert not [key for key in keys if f"`{key}`" not in FEEDS]
    assert not [name for name in get_args(FieldName) if f"`{name}`" not in FEEDS]


def test_every_key_of_the_machine_readable_test_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    """Of the whole, a file, an event and a shipment."""
    feed = make_feed(parse_mapping(block("yaml"), "example"))
    shown = explain(feed, block("json").encode(), datetime(2026, 3, 3, tzinfo=UTC))
    print_tests(feed, [("payload.json", shown)], as_json=True)
    told = json.loads(capsys.readouterr().out)
    file = told["files"][0]
    parts = [told, told["summary"], file, file["events"][0], file["shipments"][0]]
    assert not [key for part in parts for key in part if f"`{key}`" not in FEEDS]


def test_the_schema_for_editors_is_generated() -> None:
    """`controltower feeds schema > docs/feed-mapping.schema.json` after a change of the language."""
    written = json.loads((DOCS / "feed-mapping.schema.json").read_text())
    assert written == json.loads(json.dumps(MappingSpec.model_json_schema(by_alias=True)))


def test_every_milestone_and_reason_is_explained() -> None:
    """With its rank, its status and its party."""
    for milestone in Milestone:
        rank = MILESTONE_RANK.get(milestone)
        row = next(line for line in VOCABULARY.splitlines() if line.startswith(f"| {milestone} |"))
        assert rank is None or f"| {rank} " in row
        assert f"| {STATUS_OF[milestone]} |" in row
    for reason in Reason:
        row = next(line for line in VOCABULARY.splitlines() if re.search(rf"\b{reason}\b", line))
        assert row.startswith(f"| {party_of(reason) or 'not said'} |")
