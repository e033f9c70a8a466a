"""A real afternoon through a real broker: all stages as processes, then live compared with its replay."""

from __future__ import annotations

import os
import signal
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.cli import EXIT_WRONG_USE
from controltower.embedded.redis import EmbeddedRedis
from controltower.offline.broker import find_clock_ms
from controltower.streaming.client import produce_all, read_topic
from controltower.streaming.exits import Exit
from controltower.streaming.stage import Out
from schemas.topics import CARRIER_EVENTS, ROUTE_EVENTS, STAGES
from tests.integration.tower import Tower, fresh_topics, wait_until
from tests.kafka import RealKafka

WMATA = Path(__file__).parents[2].parent / "shared" / "data" / "wmata"

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.slow,
    pytest.mark.skipif(not WMATA.is_dir(), reason="needs ../shared/data/wmata, which is not on this machine"),
]


@pytest.fixture
def tower(real_kafka: RealKafka, tmp_path: Path) -> Iterator[Tower]:
    fresh_topics(real_kafka.brokers)
    with EmbeddedRedis() as redis:
        tower = Tower(real_kafka.brokers, f"test-{uuid.uuid4().hex[:8]}", tmp_path, redis.url)
        try:
            yield tower
        finally:
            tower.close()


def stream(tower: Tower, speed: int) -> None:
    """Start the worker and, once every stage is ready and has told the time of the wall, the day."""
    tower.start("worker", "worker")
    tower.wait_ready("worker", STAGES)
    wait_until("a tick of the wall", lambda: any(read_topic(tower.brokers, [ROUTE_EVENTS])))
    tower.start("stream", "stream", str(WMATA), "--speed", str(speed))
    wait_until("the day opens", lambda: "the day is open" in tower.log("stream"))


def verify(tower: Tower) -> str:
    """What `verify` printed once the day was over; fails on a difference or when a stage did not finish."""
    assert tower.wait("stream") == 0, tower.log("stream")
    code = tower.run("verify", "verify", "--wait", "90")
    said = tower.log("verify")
    assert code == 0, said + tower.log("worker")[-3000:]
    return said


def test_the_afternoon_comes_out_as_its_replay(tower: Tower) -> None:
    """All stages, nothing killed: 13,728 reports and 84 plans; live equals its replay."""
    stream(tower, 2000)
    said = verify(tower)
    assert "live equals its replay" in said
    assert "13,877" in said
    assert tower.stop("worker") == 0


def test_each_stage_may_be_killed(tower: Tower) -> None:
    """kill -9 of one stage after the other while the day goes on: nothing lost, nothing twice."""
    stream(tower, 600)
    for stage in STAGES:
        before = tower.pid_of(stage)
        tower.kill(stage)
        wait_until(f"{stage} is back", lambda stage=stage, before=before: tower.pid_of(stage) != before)
    assert "live equals its replay" in verify(tower)
    assert tower.log("worker").count("was killed by signal 9") == len(STAGES)


def test_a_sleeper_that_wakes_up_changes_nothing(tower: Tower) -> None:
    """track is stopped beyond its session timeout, another process takes its partitions, then it wakes up."""
    stream(tower, 400)
    sleeper = tower.pid_of("track")
    tower.start("second", "worker", "--stage", "track")
    # It has all of them for a moment where the first was starved; the sleeper must own some when it sleeps.
    wait_until("the second has a share", lambda: 0 < len(tower.ready_partitions("second")) < 4)
    os.kill(sleeper, signal.SIGSTOP)
    try:
        wait_until("the second has all", lambda: tower.ready_partitions("second") == [0, 1, 2, 3])
        before = times_ready(tower)
    finally:
        os.kill(sleeper, signal.SIGCONT)
    # With work in hand it is refused; asleep between two transactions it finds itself out and joins again.
    refused = f"track ended with code {Exit.RESTART.value}"
    wait_until("it notices", lambda: refused in tower.log("worker") or times_ready(tower) > before)
    assert "live equals its replay" in verify(tower)


def times_ready(tower: Tower) -> int:
    return sum(event["event"] == "ready" for event in tower.events("worker") if event.get("stage") == "track")


def test_a_day_is_not_streamed_into_a_later_clock(tower: Tower) -> None:
    """Once a live feed has told the time of today, a day of February would all be late: it is refused."""
    tower.start("worker", "worker", "--stage", "normalize")
    produce_all(tower.brokers, [Out(CARRIER_EVENTS, b"V1", b"{}", headers=(("feed", b"gtfs-rt"),))])
    wait_until("the clock ticks", lambda: find_clock_ms(tower.brokers, {}) is not None)
    assert tower.run("stream", "stream", str(WMATA)) == EXIT_WRONG_USE
    assert "the clock of this system is already past the beginning of the day" in tower.log("stream")
