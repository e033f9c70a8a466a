"""The map: which stage reads, keeps and writes what. The README's picture is printed from it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from schemas.topics import ALL_STAGES, TOPICS, Role, Topic

#: What a stage keeps its state per, and where.
KEEPS = {
    "normalize": "source, vehicle",
    "assign": "shipment, feed",
    "track": "route",
    "score": "nothing",
    "recover": "home of the exception",
    "project": "Redis",
    "deliver": "what is not yet told",
}
ABOUT = {
    "normalize": "carrier bytes become scans or dead letters; keeps the clock",
    "assign": "parcels find their route; is a feed down",
    "track": "progress, ETA, exceptions",
    "score": "p(late) by LightGBM",
    "recover": "governed actions",
    "project": "read model",
    "deliver": "webhooks, e-mail",
}


@dataclass(slots=True, frozen=True)
class StageMap:
    """One stage: the names of the topics it reads and writes, its changelog left out."""

    name: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    keeps: str


def flow() -> tuple[StageMap, ...]:
    """The stages in the order of the flow, as the topic table has them."""
    return tuple(
        StageMap(
            stage,
            tuple(topic.name for topic in _public() if stage in topic.readers),
            tuple(topic.name for topic in _public() if stage in topic.writers),
            KEEPS[stage],
        )
        for stage in ALL_STAGES
    )


def mermaid() -> str:
    """The flow as a Mermaid diagram: boxes are stages, cylinders topics."""
    return "\n".join(["flowchart LR", *_nodes(), *_edges()]) + "\n"


def _public() -> Iterator[Topic]:
    return (topic for topic in TOPICS if topic.role is not Role.CHANGELOG)


def _nodes() -> Iterator[str]:
    for topic in _public():
        yield f"  {_node(topic.name)}[({topic.name})]"
    for stage in flow():
        yield f'  {stage.name}["{stage.name}<br/><small>{ABOUT[stage.name]}</small>"]'


def _edges() -> Iterator[str]:
    for topic in _public():
        if topic.role is Role.INTAKE:
            yield f"  {_node(f'by {topic.name}')}([{topic.writers[0]}]) --> {_node(topic.name)}"
    for stage in flow():
        for name in stage.reads:
            yield f"  {_node(name)} --> {stage.name}"
        for name in stage.writes:
            yield f"  {stage.name} --> {_node(name)}"
    yield "  project --> redis[(Redis)]"
    yield "  deliver --> receivers([receivers])"


def _node(name: str) -> str:
    return name.replace("-", "_").replace(" ", "_")


if __name__ == "__main__":
    print(mermaid(), end="")
