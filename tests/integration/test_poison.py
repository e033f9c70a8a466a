"""Bad bytes on a real broker: one dead letter each with the same bytes, a reason, and no harm beside it."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families

from controltower.embedded.ports import find_free_ports
from controltower.feeds.fold import LARGEST_LETTER_BYTES
from controltower.streaming.client import read_topic
from controltower.streaming.exits import Exit
from controltower.streaming.stage import Record
from schemas import topics
from schemas.topics import STAGES
from tests.integration.poison import PLAIN, Poison, assert_same, good, poison_of, send
from tests.integration.tower import Tower, fresh_topics, wait_until
from tests.kafka import RealKafka

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

INTAKE = (topics.CARRIER_EVENTS, topics.PLANS, topics.COMMANDS, topics.DISPATCH_FEEDBACK)
LIMIT = 50


@pytest.fixture
def port() -> int:
    return find_free_ports(len(STAGES))


@pytest.fixture
def tower(real_kafka: RealKafka, tmp_path: Path, port: int) -> Iterator[Tower]:
    fresh_topics(real_kafka.brokers)
    settings = {"metrics_port": str(port), "rejected_limit": str(LIMIT)}
    app_id = f"test-{uuid.uuid4().hex[:8]}"
    tower = Tower(real_kafka.brokers, app_id, tmp_path, "redis://127.0.0.1:1", **settings)
    try:
        yield tower
    finally:
        tower.close()


def tally(port: int, name: str) -> Counter[str]:
    """A counter of normalize by feed, from its metrics endpoint."""
    with urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        families = text_string_to_metric_families(answer.read().decode())
    wanted = f"controltower_normalize_{name}_total"
    counts: Counter[str] = Counter()
    for sample in (sample for family in families for sample in family.samples if sample.name == wanted):
        counts[sample.labels["feed"]] += int(sample.value)
    return counts


def settle(tower: Tower, port: int, records: int) -> None:
    """Start normalize and return when it has counted so many records."""
    tower.start("normalize", "worker", "--stage", "normalize")
    wait_until("normalize is ready", lambda: tower.ready_partitions("normalize") != [])
    wait_until("all is counted", lambda: tally(port, "received").total() >= records)


def letters_by_source(brokers: str) -> dict[str, list[Record]]:
    found: dict[str, list[Record]] = {}
    for letter in read_topic(brokers, [topics.DEAD_LETTERS]):
        found.setdefault(dict(letter.headers)["ct-source"].decode(), []).append(letter)
    return found


def test_every_kind_of_poison_gets_one_dead_letter_and_harms_nobody(tower: Tower, port: int) -> None:
    """On all four intake topics: same bytes, a named reason, neighbours untouched, the accounts add up."""
    sent: dict[str, list[Poison]] = {}
    for topic in INTAKE:
        sent[topic] = [good(topic, 0)]
        for number, poison in enumerate(poison_of(topic), 1):
            sent[topic] += [poison, good(topic, number)]
        send(tower.brokers, sent[topic])
    records = [record for ours in sent.values() for record in ours]
    settle(tower, port, len(records))

    expected = {
        f"{topic}/0/{offset}": record
        for topic, ours in sent.items()
        for offset, record in enumerate(ours)
        if record.reason is not None
    }
    # Readers see a transaction a moment after its writer knows that it is committed.
    wait_until("all letters are there", lambda: len(letters_by_source(tower.brokers)) >= len(expected))
    letters = letters_by_source(tower.brokers)
    assert letters.keys() == expected.keys()
    for source, poison in expected.items():
        (letter,) = letters[source]
        assert_same(letter, poison)

    received, accepted, rejected = (tally(port, name) for name in ("received", "accepted", "rejected"))
    assert received == accepted + rejected
    assert rejected.total() == len(expected)
    assert accepted.total() == len(records) - len(expected)
    assert_neighbours_arrived(tower.brokers, sent)
    assert tower.stop("normalize") == Exit.CLEAN


def test_live_equals_its_replay_with_poison_in_it(tower: Tower) -> None:
    """All stages, every poison: the judge that folds the logs again finds no difference."""
    for topic in INTAKE:
        send(tower.brokers, [good(topic, 0), *poison_of(topic), good(topic, 1)])
    tower.start("worker", "worker")
    code = tower.run("verify", "verify", "--wait", "90")
    assert code == 0, tower.log("verify") + tower.log("worker")[-3000:]
    assert "live equals its replay" in tower.log("verify")
    assert tower.stop("worker") == Exit.CLEAN


def assert_neighbours_arrived(brokers: str, sent: dict[str, list[Poison]]) -> None:
    """Each good record once in the log of its subject."""
    logs = (topics.ROUTE_EVENTS, topics.SHIPMENT_EVENTS, topics.RECOVERY_EVENTS)
    found: Counter[tuple[str, str]] = Counter()
    for record in read_topic(brokers, logs):
        content = json.loads(record.value or b"{}")
        for schema, field in (
            ("scan", "route_id"),
            ("plan", "route_id"),
            ("command", "command_id"),
            ("feedback", "action_id"),
        ):
            if content["schema"] == f"controltower.{schema}/1":
                found[schema, content[field]] += 1
    by_topic = dict(zip(INTAKE, ("scan", "plan", "command", "feedback"), strict=True))
    prefix = {"scan": "R", "plan": "R", "command": "C", "feedback": "A"}
    expected = Counter(
        (by_topic[topic], f"{prefix[by_topic[topic]]}-{number}")
        for topic, ours in sent.items()
        for number in range(sum(record.reason is None for record in ours))
    )
    assert found == expected


def test_a_record_that_unpacks_to_more_than_any_topic_takes(tower: Tower, port: int) -> None:
    """30 MB in a compressed batch of some KB: the stage lives, the letter says where the original stands."""
    bomb = Poison(topics.CARRIER_EVENTS, b"bomb", b" " * 30_000_000, PLAIN, None)
    neighbours = [good(topics.CARRIER_EVENTS, number) for number in range(2)]
    send(tower.brokers, [neighbours[0], bomb, neighbours[1]], **{"compression.type": "gzip"})
    settle(tower, port, 3)
    (letter,) = read_topic(tower.brokers, [topics.DEAD_LETTERS])
    headers = dict(letter.headers)
    assert (letter.key, letter.value, headers["ct-reason"]) == (None, None, b"TOO_LARGE")
    assert int(headers["ct-omitted"]) >= 30_000_000 > LARGEST_LETTER_BYTES
    assert headers["ct-source"] == b"carrier-events/0/1"
    assert tally(port, "accepted")["plain"] == len(neighbours)


def test_a_worker_that_rejects_nearly_everything_stops(tower: Tower) -> None:
    """Exit code 3 with a hint, again after a restart and without one more letter; on without the limit."""
    garbage = [Poison(topics.CARRIER_EVENTS, b"bad", b"not JSON", PLAIN, None)] * 5_000
    send(tower.brokers, [good(topics.CARRIER_EVENTS, 0)])
    tower.start("healthy", "worker", "--stage", "normalize")
    wait_until("a scan arrives", lambda: count(tower, topics.ROUTE_EVENTS, b"R-0") > 0)
    send(tower.brokers, garbage)
    assert tower.wait("healthy") == Exit.PERSON
    assert "nearly everything in carrier-events/0 is rejected" in tower.log("healthy")
    assert "hint: `controltower dead-letters list`" in tower.log("healthy")
    before = count(tower, topics.DEAD_LETTERS)
    assert before <= LIMIT
    assert tower.run("again", "worker", "--stage", "normalize") == Exit.PERSON
    assert count(tower, topics.DEAD_LETTERS) == before

    patient = Tower(
        tower.brokers,
        tower.app_id,
        tower.folder,
        "redis://127.0.0.1:1",
        rejected_limit="0",
    )
    try:
        patient.start("patient", "worker", "--stage", "normalize")
        wait_until("all is rejected", lambda: count(tower, topics.DEAD_LETTERS) == len(garbage))
        assert patient.stop("patient") == Exit.CLEAN
    finally:
        patient.close()


def count(tower: Tower, topic: str, part: bytes = b"") -> int:
    return sum(part in (record.value or b"") for record in read_topic(tower.brokers, [topic]))
