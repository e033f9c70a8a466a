"""The README's consumer, as a downstream team would run it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from controltower.streaming.client import produce_all
from controltower.streaming.stage import Out
from schemas.topics import EXCEPTIONS
from tests.integration.tower import fresh_topics
from tests.kafka import RealKafka

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "schemas" / "examples" / "exceptions"


@pytest.mark.kafka
def test_the_example_shows_each_transition_once_even_when_it_comes_twice(real_kafka: RealKafka) -> None:
    """A record that is published again, or late, is not shown; a later transition is."""
    fresh_topics(real_kafka.brokers)
    names = ("long_halt_opened", "long_halt_cleared_may_come_back", "long_halt_resolved")
    records = [(EXAMPLES / f"{name}.json").read_bytes() for name in names]
    again = [records[0], records[1], records[0], records[1], records[2], records[1]]
    produce_all(real_kafka.brokers, (Out(EXCEPTIONS, b"halt", value) for value in again))
    command = [sys.executable, str(ROOT / "docs" / "examples" / "consume_exceptions.py"), real_kafka.brokers]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as consumer:
        assert consumer.stdout is not None
        shown = [consumer.stdout.readline().split()[2] for _ in range(3)]
        consumer.kill()
    assert shown == ["OPENED", "UPDATED", "RESOLVED"]
