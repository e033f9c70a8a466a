"""The basic job on this product's edge, stock Faust, Quix Streams and Kafka Streams, on a real Kafka.

python -m tests.bench.bench_basic [--rounds 3] [--scale 1.0] [--only ours,faust,quix,kstreams]

Each engine finds its backlog when it starts. Timed is the way from its first output to its last, so start-up
is apart. Kafka Streams is timed twice: over its first events (cold) and behind a million (warm).
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
from confluent_kafka import Message

from controltower.streaming.client import produce_all, read_topic
from controltower.streaming.topics import create_topics
from tests.bench.basic_job import PARTITIONS, basic_records, mark_of
from tests.bench.contest import ContestFailed, Engine, watch
from tests.bench.measuring import spread, table, told
from tests.bench.peers.prepare import HERE, PeerUnavailable, kafka_streams_command, quix_python
from tests.integration.toy import COMPACTED, ToyTopic
from tests.kafka import real_kafka_or_reason

Job = Mapping[str, str]


@dataclass(slots=True, frozen=True)
class Peer:
    """An engine: the events of each section of its log, and how it is started and checked.

    timed: label -> section. changelog: the topic that holds its states.
    """

    name: str
    sections: tuple[int, ...]
    timed: Mapping[str, int]
    command: Callable[[Job], list[str]]
    changelog: Callable[[Job], str]


def _module(name: str) -> Callable[[Job], list[str]]:
    return lambda job: [sys.executable, "-m", name, json.dumps(dict(job))]


def _quix(job: Job) -> list[str]:
    return [str(quix_python()), str(HERE / "quix" / "basic.py"), json.dumps(dict(job))]


def _kafka_streams(job: Job) -> list[str]:
    places = (job["brokers"], job["app"], job["source"], job["target"], job["folder"])
    return [*kafka_streams_command(), *places]


PEERS = {
    "ours": Peer(
        "this product's edge",
        (600_000,),
        {"": 1},
        _module("tests.bench.peers.ours_basic"),
        lambda job: job["changelog"],
    ),
    "faust": Peer(
        "stock Faust agent",
        (12_000,),
        {"": 1},
        _module("tests.bench.peers.faust_basic"),
        lambda job: f"{job['app']}-routes-changelog",
    ),
    "quix": Peer(
        "Quix Streams 3.28",
        (150_000,),
        {"": 1},
        _quix,
        lambda job: f"changelog__{job['app']}--{job['source']}--default",
    ),
    "kstreams": Peer(
        "Kafka Streams 4.1",
        (200_000, 800_000, 600_000),
        {" cold": 1, " warm": 3},
        _kafka_streams,
        lambda job: f"{job['app']}-routes-changelog",
    ),
}


@dataclass(slots=True, frozen=True)
class Figures:
    """One round of one engine (or of its cold or warm part)."""

    events_per_s: float
    us_per_event: float
    start_s: float


def source_topics(brokers: str, peers: Mapping[str, Peer], scale: float) -> dict[str, str]:
    """One input topic per engine, filled; all rounds read it again."""
    names = {name: f"bench-in-{name}-{uuid.uuid4().hex[:6]}" for name in peers}
    create_topics(brokers, [ToyTopic(name) for name in names.values()])
    for name, topic in names.items():
        produce_all(brokers, basic_records(topic, _scaled(peers[name], scale)))
    return names


def _scaled(peer: Peer, scale: float) -> list[int]:
    return [int(events * scale) for events in peer.sections]


def run_round(brokers: str, peer: Peer, source: str, scale: float, folder: Path) -> dict[str, Figures]:
    """One engine, once; raises ContestFailed, also when its changelog does not add up."""
    app = f"bench-{uuid.uuid4().hex[:8]}"
    job = {"brokers": brokers, "app": app, "source": source, "folder": str(folder / app)}
    job |= {"target": f"{app}-out", "changelog": f"{app}-state"}
    create_topics(brokers, [ToyTopic(job["target"]), ToyTopic(job["changelog"], COMPACTED)])
    sections = _scaled(peer, scale)
    engine = Engine(peer.command(job), folder / f"{app}.log")
    try:
        watched = watch(engine, brokers, (job["target"], PARTITIONS), _mark, len(sections))
    finally:
        engine.stop()
    _check(brokers, peer.changelog(job), sum(sections) + PARTITIONS * (len(sections) + 1))
    assert watched.began is not None
    figures = {}
    for label, section in peer.timed.items():
        began, end = watched.ends[section - 1] if section > 1 else watched.began, watched.ends[section]
        events, seconds = sections[section - 1], end.at_s - began.at_s
        us = (end.cpu_s - began.cpu_s) / events * 1e6
        figures[peer.name + label] = Figures(events / seconds, us, watched.began.at_s - watched.started_s)
    return figures


def _mark(message: Message) -> tuple[int, int] | None:
    return mark_of(message.key() or b"")


class _Count(msgspec.Struct):
    count: int


def _check(brokers: str, changelog: str, events: int) -> None:
    """The last states in the changelog have counted every event once."""
    last = {(r.partition, r.key): r.value for r in read_topic(brokers, [changelog])}
    states = [value for value in last.values() if value is not None and b'"count"' in value]
    counted = sum(msgspec.json.decode(value, type=_Count).count for value in states)
    if counted != events:
        raise ContestFailed(f"{changelog} has counted {counted:,} of {events:,} events")


def report(rounds: Mapping[str, Sequence[Figures]]) -> str:
    """The table and, round by round against the first engine, how many times as much CPU each needs."""
    rows = []
    ours = next(iter(rounds.values()))
    for name, figures in rounds.items():
        us = spread(f.us_per_event for f in figures)
        rate = spread(f.events_per_s for f in figures)
        start = spread(f.start_s for f in figures)
        times = spread(f.us_per_event / o.us_per_event for f, o in zip(figures, ours, strict=False))
        rows.append([name, told(us), told(rate, 0), f"{told(times)} x", f"{start[1]:.1f}"])
    return table(["engine", "us CPU per event", "events/s", "CPU against ours", "start-up s"], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scale", type=float, default=1.0, help="times the events of every engine")
    parser.add_argument("--only", default=",".join(PEERS))
    options = parser.parse_args()
    peers = {name: PEERS[name] for name in options.only.split(",")}
    rounds: dict[str, list[Figures]] = {}
    with real_kafka_or_reason() as kafka, tempfile.TemporaryDirectory() as folder:
        sources = source_topics(kafka.brokers, peers, options.scale)
        for number in range(options.rounds):
            for name, peer in peers.items():
                print(f"round {number + 1}: {peer.name}", file=sys.stderr, flush=True)
                try:
                    done = run_round(kafka.brokers, peer, sources[name], options.scale, Path(folder))
                except PeerUnavailable as reason:
                    print(f"{peer.name} is left out: {reason}", file=sys.stderr, flush=True)
                    continue
                for label, figures in done.items():
                    rounds.setdefault(label, []).append(figures)
    print(f"least / median / most of {options.rounds} rounds")
    print(report(rounds))


if __name__ == "__main__":
    main()
