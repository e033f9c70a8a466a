"""Hand-written intake records for the tests of feeds."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from controltower.feeds.fold import NormalizeFold
from controltower.feeds.registry import SHIPPED, load_feeds
from controltower.streaming.stage import Commit, Record
from schemas import topics
from schemas.wire import AnyRecord, decode_any

FEEDS = load_feeds()
#: 2026-03-02 08:15:40 UTC
NOW_MS = 1_772_439_340_000


def samples_of(feed: str) -> list[dict[str, Any]]:
    """The sample payloads in the head of a feed's mapping file."""
    lines = (Path(SHIPPED) / f"{feed}.yaml").read_text().splitlines()
    head = "\n".join(line[2:] for line in lines if line.startswith("#"))
    found, at = [], head.find("{")
    while at >= 0:
        sample, end = json.JSONDecoder().raw_decode(head, at)
        found.append(sample)
        at = head.find("{", end)
    return found


def carrier_event(
    payload: Any, feed: str | None = "plain", *, at_ms: int = NOW_MS, offset: int = 0, recorded: bool = True
) -> Record:
    """A carrier-events record; bytes and None are taken as they are, anything else as JSON."""
    value = payload if payload is None or isinstance(payload, bytes) else json.dumps(payload).encode()
    headers = [] if feed is None else [("feed", feed.encode())]
    if recorded:
        headers.append(("received_at", str(at_ms).encode()))
    return Record(topics.CARRIER_EVENTS, 0, offset, at_ms, b"key", value, tuple(headers))


def clock_mark(at_ms: int, offset: int = 0) -> Record:
    return Record(topics.CARRIER_EVENTS, 0, offset, 1, None, None, (("clock", str(at_ms).encode()),))


def intake(topic: str, content: Any, *, at_ms: int = NOW_MS, offset: int = 0) -> Record:
    value = content if isinstance(content, bytes) else json.dumps(content).encode()
    return Record(topic, 0, offset, at_ms, b"key", value)


def position(
    route: str = "R-1", vehicle: str = "V-1", *, at: str = "2026-03-02T08:15:10Z", n: int = 1
) -> Any:
    """A position in the plain format."""
    place = {"lat": 52.5, "lon": 13.4}
    return {"event_id": f"e{n}", "occurred_at": at, "route_id": route, "vehicle_id": vehicle, "place": place}


def new_fold(partitions: int = 2) -> NormalizeFold:
    fold = NormalizeFold(0, partitions, FEEDS)
    fold.restored()
    return fold


def sent(commit: Commit, topic: str) -> list[AnyRecord]:
    """The records for one topic, decoded."""
    return [decode_any(out.value) for out in commit.outputs if out.topic == topic and out.value is not None]


def fold_in_parts(
    parts: Iterable[list[Record]], *, restart: bool = False
) -> tuple[list[Any], dict[bytes, bytes]]:
    """Outputs and final changelog of records folded part by part, with a restore between parts if asked."""
    fold, outputs, changelog = new_fold(), [], {}
    for part in parts:
        if restart:
            fold = NormalizeFold(0, 2, FEEDS)
            for key, value in changelog.items():
                fold.restore(key, value)
            fold.restored()
        commit = fold.fold(part)
        outputs += commit.outputs
        for key, change in commit.changes:
            changelog.pop(key, None)
            if change is not None:
                changelog[key] = change
    return outputs, changelog
