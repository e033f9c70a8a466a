"""The map of the flow against the built stages, and the pages that are printed from tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents.app import OFFLINE_STAGES, build_stage
from agents.flow import flow, mermaid
from agents.topic_specs import topics_page, wanted_topics
from controltower.settings import load_settings
from schemas.topics import ALL_STAGES, BY_NAME, TOPICS, changelog_of
from tests.unit.recorded_afternoon import run_afternoon

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", ALL_STAGES)
def test_a_built_stage_reads_what_the_map_says(name: str, tmp_path: Path) -> None:
    """Inputs and changelog of the spec are those of the topic table."""
    (tmp_path / "sinks.yaml").write_text("{}")
    spec = build_stage(name, load_settings({"sinks": tmp_path / "sinks.yaml"}))
    (on_map,) = [stage for stage in flow() if stage.name == name]
    assert spec.name == name
    assert set(spec.inputs) == set(on_map.reads)
    assert spec.changelog == changelog_of(name)


def test_stages_write_only_what_the_map_says() -> None:
    """Seen in a replayed day: every topic that gets a record is on the map, and each stage's is used."""
    records, _ = run_afternoon()
    seen = {record.topic for record in records}
    on_map = {name for stage in flow() for name in stage.writes}
    intake = {"carrier-events", "plans"}
    assert seen - intake <= on_map | {changelog_of(stage) for stage in OFFLINE_STAGES}
    assert {"exceptions", "dispatch", "route-status", "score-requests", "dead-letters"} <= seen


def test_the_diagram_has_every_stage_and_topic() -> None:
    """And nothing that is not on the map."""
    text = mermaid()
    for name in (*ALL_STAGES, *(topic.name for topic in TOPICS if topic.role != "changelog")):
        assert name in text
    assert "changelog" not in text


def test_the_page_of_topics_is_up_to_date() -> None:
    """docs/topics.md is what `controltower topics docs` prints."""
    assert (ROOT / "docs" / "topics.md").read_text() == topics_page()


def test_every_topic_of_the_table_is_wanted() -> None:
    """With the partition count of the settings, since co-partitioning rests on it."""
    wanted = wanted_topics(load_settings({"partitions": 6, "replication_factor": 3}))
    assert {topic.name for topic in wanted} == set(BY_NAME)
    assert {(topic.partitions, topic.replication) for topic in wanted} == {(6, 3)}


def test_an_unknown_stage_is_named() -> None:
    """With the stages there are."""
    with pytest.raises(ValueError, match="no stage 'pack'; the stages are normalize, assign"):
        build_stage("pack", load_settings())
