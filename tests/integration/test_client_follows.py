"""A consumer built on controltower.client that is killed again and again ends with the right state."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from controltower.client import State
from controltower.streaming.client import produce_all
from controltower.streaming.stage import Out
from schemas.topics import EXCEPTIONS
from tests.integration.tower import ROOT, fresh_topics, wait_until
from tests.kafka import RealKafka
from tests.product import product_environment

EXAMPLE = ROOT / "schemas" / "examples" / "exceptions" / "long_halt_opened.json"
COMMAND = [sys.executable, str(ROOT / "docs" / "examples" / "follow_exceptions.py")]
LIVES, STEPS, PARTS = 60, 5, 4


def lives() -> list[Out]:
    """Every exception in five steps, the first of them told a second time between the later ones."""
    content = msgspec.json.decode(EXAMPLE.read_bytes())
    steps = [(number, seq) for seq in range(1, STEPS + 1) for number in range(LIVES)]
    steps[LIVES * 2 : LIVES * 2] = steps[: LIVES // 2]
    outs = []
    for number, seq in steps:
        content |= {
            "exception_id": f"x{number}",
            "seq": seq,
            "status": "RESOLVED" if seq == STEPS else "OPEN",
        }
        outs.append(Out(EXCEPTIONS, f"x{number}".encode(), msgspec.json.encode(content)))
    return outs


@pytest.mark.kafka
def test_a_consumer_that_dies_and_restarts(real_kafka: RealKafka, tmp_path: Path) -> None:
    """kill -9 after each quarter of the topic: in the end each exception stands at its last seq."""
    fresh_topics(real_kafka.brokers)
    outs, file, log = lives(), tmp_path / "kept", tmp_path / "out"
    expected = State(EXCEPTIONS)
    for part in range(PARTS):
        told = outs[part * len(outs) // PARTS : (part + 1) * len(outs) // PARTS]
        produce_all(real_kafka.brokers, told)
        for out in told:
            expected.fold(out.key, out.value)
        with follow(real_kafka.brokers, file, log):
            wait_until("all of it is read", lambda: set(known(expected).items()) <= shown(log))
    with follow(real_kafka.brokers, file, log):
        wait_until("all of it is stored", lambda: known(State(EXCEPTIONS, file)) == known(expected))
    assert known(expected) == {f"x{number}": STEPS for number in range(LIVES)}


@contextmanager
def follow(brokers: str, file: Path, log: Path) -> Iterator[None]:
    """The example runs, until kill -9."""
    with log.open("ab") as output:
        consumer = subprocess.Popen([*COMMAND, brokers, str(file)], stdout=output, env=product_environment())
    try:
        yield
    finally:
        consumer.kill()
        consumer.wait()


def known(state: State) -> dict[str, int]:
    return {record["exception_id"]: record["seq"] for record in state}


def shown(log: Path) -> set[tuple[str, int]]:
    words = [line.split() for line in log.read_text().splitlines()]
    return {(line[1], int(line[3])) for line in words if len(line) == 4}
