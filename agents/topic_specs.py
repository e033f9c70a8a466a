"""The topic table of schemas as a broker is to have it, and as a page of the documentation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from controltower.settings import Settings
from schemas.topics import TOPICS, Role


@dataclass(slots=True, frozen=True)
class WantedTopic:
    """One topic of this installation."""

    name: str
    partitions: int
    replication: int
    config: Mapping[str, str]


def wanted_topics(settings: Settings) -> list[WantedTopic]:
    """All topics with the partition count and replication of the settings."""
    return [
        WantedTopic(topic.name, settings.partitions, settings.replication_factor, topic.config)
        for topic in TOPICS
    ]


_INTRODUCTION = """\
# Topics

Printed by `controltower topics docs` from `schemas/topics.py`; a test holds the two equal. All topics have
the same number of partitions (setting `partitions`), which never changes for a running system. Keys are
partitioned by murmur2, as Java's clients do. Readers must use `isolation.level=read_committed`.
"""
_ABOUT_ROLE = {
    Role.INTAKE: "## Intake: what outsiders write",
    Role.LOG: "## Logs: one per subject, the only input of a stage",
    Role.OUTPUT: "## Outputs: what others read",
    Role.CHANGELOG: "## Changelogs: state and position of the stages; nobody else's business",
}


def topics_page() -> str:
    """The topics as Markdown, one table per role."""
    parts = [_INTRODUCTION]
    for role, title in _ABOUT_ROLE.items():
        parts += [f"\n{title}\n\n", "| topic | key | records | from | to | kept |\n|--|--|--|--|--|--|\n"]
        for topic in (topic for topic in TOPICS if topic.role is role):
            records = ", ".join(f"`{schema}`" for schema in topic.schemas) or topic.about
            people = f"{', '.join(topic.writers)} | {', '.join(topic.readers)}"
            parts.append(f"| `{topic.name}` | {topic.key} | {records} | {people} | {_kept(topic.config)} |\n")
    return "".join(parts)


def _kept(config: Mapping[str, str]) -> str:
    if config["cleanup.policy"] == "delete":
        return f"{_days(config['retention.ms'])} days"
    lag_ms = config.get("min.compaction.lag.ms")
    return f"latest per key; all for {_days(lag_ms)} days" if lag_ms else "latest per key"


def _days(milliseconds: str) -> int:
    return int(milliseconds) // 86_400_000
