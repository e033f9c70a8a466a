"""The full job, the track stage as it ships, against stock Faust and Quix Streams that call the same core.

python -m tests.bench.bench_full [--gtfs FOLDER] [--rounds 3] [--only ours,faust,quix]

The input is that of bench_track: a day, normalized, copied to many routes at once: plans with paths,
positions, ticks. It lies on route-events when an engine starts. Timed is the way from the first record in
recovery-events to the last tick there. The slower engines get fewer copies of the day.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec
from confluent_kafka import Message

from agents.topic_specs import wanted_topics
from controltower.settings import load_settings
from controltower.streaming.client import produce_all
from controltower.streaming.stage import Out
from controltower.streaming.topics import create_topics
from schemas import wire
from schemas.topics import RECOVERY_EVENTS, ROUTE_EVENTS, TOPICS, Role
from tests.bench.bench_basic import Figures, report
from tests.bench.bench_track import PARTITIONS, copies_of, route_events
from tests.bench.contest import ROOT, Engine, watch
from tests.bench.peers.prepare import HERE, PeerUnavailable, quix_python
from tests.integration.tower import fresh_topics
from tests.integration.toy import ToyTopic
from tests.kafka import real_kafka_or_reason

Job = Mapping[str, str]
_OURS = ""
_END = 1


@dataclass(slots=True, frozen=True)
class Peer:
    """An engine; its day is copied `copies` times. Ours reads the topics by their names."""

    name: str
    copies: int
    command: Callable[[Job], list[str]]


def _ours(job: Job) -> list[str]:
    settings = {"BROKERS": job["brokers"], "APP_ID": job["app"], "METRICS_PORT": "0"}
    environment = [f"CONTROLTOWER_{name}={value}" for name, value in settings.items()]
    worker = [sys.executable, "-m", "agents.cli", "worker", "--stage", "track"]
    return ["env", *environment, *worker]


def _faust(job: Job) -> list[str]:
    return [sys.executable, "-m", "tests.bench.peers.faust_full", json.dumps(dict(job))]


def _quix(job: Job) -> list[str]:
    return [str(quix_python()), str(HERE / "quix" / "full.py"), json.dumps(dict(job))]


PEERS = {
    "ours": Peer("this product, track as shipped", 24, _ours),
    "faust": Peer("stock Faust agent, same core", 1, _faust),
    "quix": Peer("Quix Streams 3.28, same core", 4, _quix),
}


def prepare_topics(brokers: str, name: str) -> str:
    """Empty topics for one round; the prefix of their names."""
    if name == "ours":
        fresh_topics(brokers)
        return _OURS
    prefix = f"bench-{uuid.uuid4().hex[:6]}-"
    wanted = {t.name: t for t in wanted_topics(load_settings({"brokers": brokers}))}
    written = [t.name for t in TOPICS if "track" in t.writers and t.role is not Role.CHANGELOG]
    names = sorted({ROUTE_EVENTS, *written})
    create_topics(brokers, [ToyTopic(prefix + n, dict(wanted[n].config), PARTITIONS) for n in names])
    return prefix


def day_of(events: list[wire.RouteEvent], copies: int, prefix: str) -> list[Out]:
    """The log; ticks have a key, since Quix Streams keeps its state under the key of the record."""
    return [
        Out(prefix + out.topic, out.key or b"tick-%d" % (out.partition or 0), out.value, out.partition)
        for out in copies_of(events, copies)
    ]


def run_round(brokers: str, name: str, events: list[wire.RouteEvent], folder: Path) -> Figures:
    """One engine, once; raises ContestFailed."""
    peer = PEERS[name]
    prefix = prepare_topics(brokers, name)
    outs = day_of(events, peer.copies, prefix)
    produce_all(brokers, iter(outs))
    app = f"bench-{uuid.uuid4().hex[:8]}"
    job = {"brokers": brokers, "app": app, "prefix": prefix, "source": prefix + ROUTE_EVENTS}
    job |= {"partitions": str(PARTITIONS), "folder": str(folder / app)}
    last = max(event.upto for event in events if isinstance(event, wire.Tick))

    def mark_of(message: Message) -> tuple[int, int] | None:
        tick = _find_tick(message.value())
        if tick is None:
            return None
        return (_END if tick.upto == last else 0), int(tick.source.rpartition("/")[2])

    engine = Engine(peer.command(job), folder / f"{app}.log")
    try:
        watched = watch(engine, brokers, (prefix + RECOVERY_EVENTS, PARTITIONS), mark_of, _END)
    finally:
        engine.stop()
    assert watched.began is not None
    began, end = watched.began, watched.ends[_END]
    seconds, used = end.at_s - began.at_s, end.cpu_s - began.cpu_s
    return Figures(len(outs) / seconds, used / len(outs) * 1e6, began.at_s - watched.started_s)


def _find_tick(value: bytes | None) -> wire.Tick | None:
    if value is None or wire.Tick.__struct_config__.tag.encode() not in value[:80]:  # type: ignore[union-attr]
        return None
    return msgspec.json.decode(value, type=wire.Tick)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gtfs", type=Path, default=recorded_day())
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default=",".join(PEERS))
    options = parser.parse_args()
    events = route_events(options.gtfs)
    rounds: dict[str, list[Figures]] = {}
    with real_kafka_or_reason() as kafka, tempfile.TemporaryDirectory() as folder:
        for number in range(options.rounds):
            for name in options.only.split(","):
                print(f"round {number + 1}: {PEERS[name].name}", file=sys.stderr, flush=True)
                try:
                    figures = run_round(kafka.brokers, name, events, Path(folder))
                except PeerUnavailable as reason:
                    print(f"{PEERS[name].name} is left out: {reason}", file=sys.stderr, flush=True)
                    continue
                rounds.setdefault(PEERS[name].name, []).append(figures)
    print(f"{options.gtfs or 'a simulated day'}; least / median / most of {options.rounds} rounds")
    print(report(rounds))


def recorded_day() -> Path | None:
    """The recorded afternoon where it is at hand; None: a day is simulated."""
    folder = ROOT.parent / "shared" / "data" / "wmata"
    return folder if folder.is_dir() else None


if __name__ == "__main__":
    main()
