"""`controltower dead-letters` on a real broker: found, shown, put back after a fix, and only once."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from controltower.deadletters.letter import marks_of
from controltower.feeds.registry import SHIPPED
from controltower.streaming.client import produce_all, read_topic
from controltower.streaming.exits import Exit
from controltower.streaming.stage import Out
from schemas import topics
from tests.integration.tower import Tower, fresh_topics, wait_until
from tests.kafka import RealKafka
from tests.unit.payloads import position

pytestmark = [pytest.mark.kafka, pytest.mark.slow]
SCANS = 40


@pytest.fixture
def feeds(tmp_path: Path) -> Path:
    folder = tmp_path / "feeds"
    folder.mkdir()
    return folder


@pytest.fixture
def tower(real_kafka: RealKafka, tmp_path: Path, feeds: Path) -> Iterator[Tower]:
    fresh_topics(real_kafka.brokers)
    app_id = f"test-{uuid.uuid4().hex[:8]}"
    tower = Tower(real_kafka.brokers, app_id, tmp_path, "redis://127.0.0.1:1", feeds_dir=str(feeds))
    try:
        yield tower
    finally:
        tower.close()


def count(tower: Tower, topic: str, part: bytes = b"") -> int:
    return sum(part in (record.value or b"") for record in read_topic(tower.brokers, [topic]))


def reject_a_feed(tower: Tower) -> None:
    """Scans of a carrier that has no mapping yet, and one record that is garbage for good."""
    scans = [json.dumps(position(f"R-{n}", f"V-{n}", n=n)).encode() for n in range(SCANS)]
    headers = (("feed", b"newcomer"), ("received_at", b"1772439340000"))
    records = [
        Out(topics.CARRIER_EVENTS, b"V-%d" % n, value, n % 4, headers) for n, value in enumerate(scans)
    ]
    records.append(Out(topics.CARRIER_EVENTS, None, b"secret garbage", 0, headers))
    produce_all(tower.brokers, records)
    tower.start("before", "worker", "--stage", "normalize")
    wait_until("all is rejected", lambda: count(tower, topics.DEAD_LETTERS) == SCANS + 1)
    assert tower.stop("before") == Exit.CLEAN


def ask(tower: Tower, *words: str) -> str:
    """Run the command; what it printed."""
    name = f"ask-{uuid.uuid4().hex[:6]}"
    assert tower.run(name, "dead-letters", *words) == 0, tower.log(name)
    return tower.log(name)


def test_what_was_rejected_gets_in_after_the_fix(tower: Tower, feeds: Path) -> None:
    """List, show, replay; a second replay does nothing; what is rejected again is a new letter."""
    reject_a_feed(tower)
    listed = json.loads(ask(tower, "list", "--json", "--limit", "3"))
    assert listed["counts"] == [{"reason": "UNKNOWN_FEED", "feed": "newcomer", "count": SCANS + 1}]
    assert len(listed["newest"]) == 3
    assert f"{SCANS + 1} dead letters" in ask(tower, "list", "--feed", "newcomer", "--since", "1h")
    assert "no dead letters" in ask(tower, "list", "--reason", "EMPTY")

    garbage = next(
        r for r in read_topic(tower.brokers, [topics.DEAD_LETTERS]) if b"secret" in (r.value or b"")
    )
    place = f"{garbage.partition}/{garbage.offset}"
    shown = ask(tower, "show", place)
    assert "UNKNOWN_FEED" in shown
    assert "feed: newcomer" in shown
    assert "secret" not in shown
    assert "secret garbage" in ask(tower, "show", place, "--payload")

    mapping = (SHIPPED / "plain.yaml").read_text().replace("feed: plain", "feed: newcomer")
    (feeds / "newcomer.yaml").write_text(mapping)
    assert f"{SCANS + 1} would be replayed" in ask(tower, "replay", "--dry-run")
    assert "1 replayed" in ask(tower, "replay", "1/0")
    assert f"{SCANS} replayed; 1 already replayed" in ask(tower, "replay", "--reason", "UNKNOWN_FEED")
    assert f"0 replayed; {SCANS + 1} already replayed" in ask(tower, "replay")
    marked = [mark for r in read_topic(tower.brokers, [topics.CARRIER_EVENTS]) for mark in marks_of(r)]
    assert len(marked) == len(set(marked)) == SCANS + 1

    tower.start("after", "worker", "--stage", "normalize")
    wait_until("the scans are in", lambda: count(tower, topics.ROUTE_EVENTS, b"controltower.scan") == SCANS)
    wait_until("garbage stays garbage", lambda: count(tower, topics.DEAD_LETTERS) == SCANS + 2)
    assert tower.stop("after") == Exit.CLEAN
    assert f"1 replayed; {SCANS + 1} already replayed" in ask(tower, "replay")
    assert "1 replayed" in ask(tower, "replay", place, "--again")
