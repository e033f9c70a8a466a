"""`controltower plans load` on a real Kafka: what is checked stands on the topic, or nothing does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agents.cli import main
from controltower.streaming.client import read_topic
from schemas.topics import PLANS
from tests.integration.tower import fresh_topics
from tests.kafka import RealKafka
from tests.unit.test_feeds_normalize import a_plan
from tests.unit.test_plans_hauls import haul


@pytest.mark.kafka
def test_both_kinds_of_plan_are_keyed_by_what_they_are_about(real_kafka: RealKafka, tmp_path: Path) -> None:
    """A route by its id, a line haul by its shipment's; and one fault keeps all of them back."""
    fresh_topics(real_kafka.brokers)
    file, route = tmp_path / "plans.json", a_plan()
    file.write_text(json.dumps([haul(), route, haul(carrier=7)]))
    assert main(["plans", "load", str(file), "--brokers", real_kafka.brokers]) == 1
    assert not list(read_topic(real_kafka.brokers, [PLANS]))
    file.write_text(json.dumps([haul(), route]))
    assert main(["plans", "load", str(file), "--brokers", real_kafka.brokers]) == 0
    loaded = {
        record.key: json.loads(record.value or b"") for record in read_topic(real_kafka.brokers, [PLANS])
    }
    assert loaded.keys() == {b"P-77", route["route_id"].encode()}
    assert loaded[b"P-77"]["schema"] == "controltower.haul-plan/1"
    assert loaded[route["route_id"].encode()]["schema"] == "controltower.plan/1"
