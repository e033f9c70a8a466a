"""The least rights of each stage on Kafka, derived from the topic table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from schemas.topics import ALL_STAGES, TOPICS, changelog_of

Resource = Literal["Topic", "Group", "TransactionalId"]


@dataclass(slots=True, frozen=True)
class Right:
    """What a stage may do. Read and Write include Describe. `prefixed`: every name that begins so."""

    resource: Resource
    name: str
    operations: tuple[str, ...]
    prefixed: bool = False


def rights_of(stage: str, app_id: str) -> Iterator[Right]:
    """Everything a stage needs while its topics exist; it creates none."""
    for topic in TOPICS:
        reads, writes = stage in topic.readers, stage in topic.writers
        operations = ("Read",) * reads + ("Write",) * writes
        if topic.name == changelog_of(stage):
            operations = (*operations, "DescribeConfigs")
        if operations:
            yield Right("Topic", topic.name, operations)
    yield Right("Group", f"{app_id}-{stage}", ("Read",))
    yield Right("TransactionalId", f"{app_id}-{stage}-", ("Write",), prefixed=True)


def rights_table(app_id: str = "controltower") -> str:
    """All stages as a Markdown table."""
    rows = ["| stage | reads | writes | group (Read) | transactional ids (Write) |", "|--|--|--|--|--|"]
    for stage in ALL_STAGES:
        rights = list(rights_of(stage, app_id))
        reads, writes = (_names(rights, operation) for operation in ("Read", "Write"))
        group = next(right.name for right in rights if right.resource == "Group")
        ids = next(right.name for right in rights if right.resource == "TransactionalId")
        rows.append(f"| {stage} | {reads} | {writes} | `{group}` | `{ids}*` |")
    return "\n".join(rows) + "\n"


def _names(rights: list[Right], operation: str) -> str:
    names = [right.name for right in rights if right.resource == "Topic" and operation in right.operations]
    return ", ".join(f"`{name}`" for name in names)


if __name__ == "__main__":
    print(rights_table(), end="")
