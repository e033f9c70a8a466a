"""librdkafka's in-memory broker, which speaks the Kafka protocol on a loopback port."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from confluent_kafka import Producer

from controltower.embedded.mock_cluster import MockCluster

#: For trying out on a laptop: every source ticks into every partition, and each partition costs every stage
#: transactions of its own, so fewer cost less. Two still show that subjects are shared out.
PARTITIONS = 2
_USABLE_S = 10


class EmbeddedBroker:
    """Lives in this process, as long as it is not stopped.

    Transactions run on it but mean nothing: readers see open and aborted records, a fenced producer's
    commit succeeds. Each partition keeps its last 5 MB. A fetch is answered with one batch a partition.
    """

    name = "embedded Kafka (librdkafka's in-memory broker)"

    def __init__(self) -> None:
        self._cluster: MockCluster | None = MockCluster()
        self.brokers = self._cluster.brokers

    def create_topics(self, names: list[str], partitions: int = PARTITIONS) -> None:
        """Returns once they can be used. One that is asked for without this comes up with 4 partitions."""
        assert self._cluster is not None, "it was stopped"
        for name in names:
            self._cluster.create_topic(name, partitions)
        Producer({"bootstrap.servers": self.brokers, "log_level": 0}).list_topics(timeout=_USABLE_S)

    def stop(self) -> None:
        """What it kept is gone. Safe to call twice."""
        if self._cluster is not None:
            self._cluster.stop()
        self._cluster = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
