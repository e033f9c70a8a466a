"""Recovery on a real Kafka: a cap that spans routes is exact with two workers and kill -9, a switch holds."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from agents.publisher import Publisher
from controltower.clock import instant_of, wall_ms
from controltower.settings import load_settings
from controltower.streaming.client import read_topic
from controltower.streaming.stage import Out
from schemas import wire
from schemas.topics import COMMANDS, DISPATCH, RECOVERY_EVENTS
from schemas.vocabulary import ActionState, SuppressReason, SwitchMode
from tests.integration.tower import ROOT, Tower, fresh_topics, wait_until
from tests.kafka import RealKafka
from tests.unit.recovery_day import START, exception

pytestmark = [pytest.mark.kafka, pytest.mark.slow]
MOST, ROUTES = 30, 120
EXAMPLE = ROOT / "docs" / "examples" / "answer_actions.py"
PLAYBOOK = f"""
name: tight
cost_cap: 10
caps: [{{name: day, per: tenant, within: day, most: {MOST}}}]
rules:
  LONG_HALT:
    why: test
    steps: [{{action: CONTACT_DRIVER, tier: AUTO_EXECUTE, why: ask, ttl_s: 900, cooldown_s: 60}}]
"""


@pytest.fixture
def tower(real_kafka: RealKafka, tmp_path: Path) -> Iterator[Tower]:
    fresh_topics(real_kafka.brokers)
    file = tmp_path / "playbook.yaml"
    file.write_text(PLAYBOOK)
    tower = Tower(real_kafka.brokers, f"recovery-{wall_ms()}", tmp_path, "", playbook=str(file))
    yield tower
    tower.close()


def halt(tower: Tower, numbers: range) -> None:
    """A long halt on each of these routes, as track tells it to recovery."""
    publisher, now_s = Publisher(tower.brokers, {}), wall_ms() / 1000 - START.timestamp()
    for number in numbers:
        record = exception(now_s, name=f"e{number}", route=f"r{number}")
        publisher.send([Out(RECOVERY_EVENTS, f"r{number}".encode(), wire.encode(record))])
    publisher.flush()


def lives(tower: Tower) -> dict[str, list[wire.Action]]:
    found: dict[str, list[wire.Action]] = {}
    for record in read_topic(tower.brokers, [DISPATCH]):
        action = msgspec.json.decode(record.value or b"", type=wire.Action)
        found.setdefault(action.exception_id, []).append(action)
    return found


def is_decided(life: list[wire.Action]) -> bool:
    return life[-1].state is not ActionState.APPROVED


def await_decisions(tower: Tower, count: int) -> dict[str, list[wire.Action]]:
    wait_until(f"{count} decisions", lambda: sum(map(is_decided, lives(tower).values())) >= count)
    return lives(tower)


def start(tower: Tower, name: str, stage: str = "recover") -> None:
    tower.start(name, "worker", "--stage", stage)


def test_a_cap_is_exact_with_two_workers_and_kill_nine(tower: Tower) -> None:
    """120 routes ask for 30; a worker dies while they do: 30 are sent, and the reference consumer answers."""
    start(tower, "in", "normalize")
    start(tower, "one")
    start(tower, "two")
    wait_until(
        "both are ready", lambda: bool(tower.ready_partitions("one") and tower.ready_partitions("two"))
    )
    halt(tower, range(ROUTES // 2))
    wait_until("the first decisions", lambda: bool(lives(tower)))
    tower.kill_process("one")
    halt(tower, range(ROUTES // 2, ROUTES))
    start(tower, "three")
    await_decisions(tower, ROUTES)
    with subprocess.Popen(
        [sys.executable, str(EXAMPLE), tower.brokers], stdout=subprocess.DEVNULL
    ) as example:
        wait_until("an answer", lambda: any(life[-1].state == "SUCCEEDED" for life in lives(tower).values()))
        example.kill()
    found = lives(tower)
    sent = [life for life in found.values() if any(action.state == "DISPATCHED" for action in life)]
    held = [life for life in found.values() if life[-1].suppressed_because == "COST_CAP"]
    assert (len(sent), len(held)) == (MOST, ROUTES - MOST)
    for life in found.values():
        assert [action.seq for action in life] == list(range(1, len(life) + 1))
        assert life[-1].limit in (None, "day")


def test_a_switch_stops_all_workers(tower: Tower) -> None:
    """One record on commands is in every partition, and what comes behind it is held back everywhere."""
    for name, stage in (("one", "recover"), ("two", "recover"), ("in", "normalize")):
        start(tower, name, stage)
    wait_until("all are ready", lambda: all(tower.ready_partitions(name) for name in ("one", "two", "in")))
    at = instant_of(wall_ms())
    switch = wire.Switch(mode=SwitchMode.OFF, by="test", why="test", issued_at=at)
    publisher = Publisher(tower.brokers, {})
    publisher.send([Out(COMMANDS, None, wire.encode(switch))])
    publisher.flush()
    partitions = set(range(load_settings({}).partitions))
    wait_until("it is everywhere", lambda: _partitions_with_switch(tower) == partitions)
    halt(tower, range(40))
    found = await_decisions(tower, 40)
    assert {life[-1].suppressed_because for life in found.values()} == {SuppressReason.KILL_SWITCH}


def _partitions_with_switch(tower: Tower) -> set[int]:
    records = read_topic(tower.brokers, [RECOVERY_EVENTS])
    return {record.partition for record in records if b"controltower.switch/1" in (record.value or b"")}
