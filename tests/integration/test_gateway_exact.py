"""What the gateway has answered 202 is in Kafka, whatever happens to the gateway."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import httpx
import pytest

from controltower.streaming.client import read_topic
from schemas.topics import CARRIER_EVENTS
from tests.gateway_site import BEARER, GatewayProcess, running_gateway, scan, wait_for, write_site
from tests.integration.tower import fresh_topics
from tests.kafka import RealKafka

pytestmark = [pytest.mark.kafka, pytest.mark.slow]
SENDERS = 6
BATCH = 25


class Sender(threading.Thread):
    """Sends batches of events of its own until the connection breaks; notes what was answered 202."""

    def __init__(self, url: str, first: int) -> None:
        super().__init__(daemon=True)
        self._url, self._next = url, first
        self.answered: list[str] = []
        self.batches = 0

    def run(self) -> None:
        with httpx.Client(headers=BEARER) as client:
            while True:
                numbers = range(self._next, self._next + (BATCH if self.batches % 2 else 1))
                self._next = numbers.stop
                body = b"[%s]" % b",".join(map(scan, numbers))
                try:
                    answer = client.post(f"{self._url}/v1/feeds/plain/events", content=body)
                except httpx.TransportError:
                    return
                if answer.status_code == 202:
                    self.answered += [f"e-{number}" for number in numbers]
                    self.batches += 1


def send_and_kill(gateway: GatewayProcess, round_number: int) -> set[str]:
    """Several senders at full load, then SIGKILL; the events that were answered."""
    first = round_number * 10_000_000
    senders = [Sender(gateway.url, first + number * 1_000_000) for number in range(SENDERS)]
    for sender in senders:
        sender.start()
    wait_for(lambda: all(sender.batches >= 15 for sender in senders))
    gateway.kill()
    for sender in senders:
        sender.join(10)
    return {event for sender in senders for event in sender.answered}


def test_whatever_was_answered_is_in_the_topic_after_kill_nine(real_kafka: RealKafka, tmp_path: Path) -> None:
    """Two rounds of single events and batches under load, each ended by SIGKILL."""
    fresh_topics(real_kafka.brokers)
    file = write_site(tmp_path, events_per_s=100_000, burst=100_000)
    answered: set[str] = set()
    for round_number in range(2):
        with running_gateway(real_kafka.brokers, file) as gateway:
            answered |= send_and_kill(gateway, round_number)
    records = list(read_topic(real_kafka.brokers, [CARRIER_EVENTS]))
    stored = {json.loads(record.value or b"{}")["event_id"] for record in records}
    assert len(answered) >= 2 * SENDERS * 15 * (BATCH + 1) // 2 - SENDERS * BATCH
    assert not answered - stored
    assert {record.headers for record in records} == {(("feed", b"plain"),)}
