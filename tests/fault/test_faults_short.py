"""The faults that matter most, in their short form; `make faults` runs all of them, longer."""

from __future__ import annotations

import pytest

from tests.fault.faults import list_faults
from tests.fault.redis_server import RedisServer
from tests.fault.suite import Scenario, run_fault
from tests.fault.table import line
from tests.kafka import RealKafka

SHORT = ("kill -9", "second worker", "broker kill -9", "Redis down")

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.slow,
    pytest.mark.skipif(not RedisServer.is_there(), reason="needs redis-server on the PATH"),
]


@pytest.mark.parametrize(
    "fault", [fault for fault in list_faults(short=True) if fault.name in SHORT], ids=lambda fault: fault.name
)
def test_nothing_is_lost_and_nothing_comes_twice(real_kafka: RealKafka, fault: Scenario) -> None:
    """Live equals its replay, every input is accounted for once, and the read model equals the topics."""
    if fault.needs_broker and not real_kafka.can_fault:
        pytest.skip("the broker was given by KAFKA_TEST_BROKERS and cannot be stopped by a test")
    row = run_fault(fault, real_kafka, seed=1, vans=6)
    assert row.passed, "\n".join([line(row), *row.verdict.differences, *row.problems])
