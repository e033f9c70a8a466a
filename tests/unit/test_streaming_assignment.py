"""Topics of one stage are assigned together, by the assignor the consumer uses."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from aiokafka.coordinator.assignors.range import RangePartitionAssignor

TOPICS = ["carrier-events", "plans", "commands", "dispatch-feedback"]


@pytest.mark.parametrize("members", [1, 2, 3, 5, 9])
def test_equal_partition_counts_are_owned_together(members: int) -> None:
    """Each member has the same partition numbers of every topic, and all are owned."""
    cluster = SimpleNamespace(partitions_for_topic=lambda topic: set(range(8)))
    subscriptions = {f"m{n}": RangePartitionAssignor.metadata(TOPICS) for n in range(members)}
    owned: list[int] = []
    for assignment in RangePartitionAssignor.assign(cluster, subscriptions).values():
        numbers = {topic: set(partitions) for topic, partitions in assignment.assignment}
        first = numbers.get(TOPICS[0], set())
        assert all(numbers.get(topic, set()) == first for topic in TOPICS)
        owned += sorted(first)
    assert sorted(owned) == list(range(8))
