"""librdkafka's in-memory broker, which speaks the Kafka protocol on a loopback port."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from confluent_kafka import Producer

#: what the in-memory broker gives every topic when it is first used
PARTITIONS = 4


class EmbeddedBroker:
    """Lives in this process, as long as it is not stopped.

    Transactions run on it but mean nothing: readers see open and aborted records, a fenced producer's
    commit succeeds. Each partition keeps its last 5 MB. Topics appear on first use with 4 partitions.
    """

    name = "embedded Kafka (librdkafka's in-memory broker)"

    def __init__(self) -> None:
        self._host: Producer | None = Producer({"test.mock.num.brokers": 1, "log_level": 0})
        self.brokers = self._find_address()

    def _find_address(self) -> str:
        assert self._host is not None
        (broker,) = self._host.list_topics(timeout=10).brokers.values()
        return f"{broker.host}:{broker.port}"

    def create_topics(self, names: list[str]) -> None:
        """Asking for a topic makes it; a stage finds its topics at once then."""
        assert self._host is not None
        for name in names:
            self._host.list_topics(name, timeout=10)

    def stop(self) -> None:
        """The broker ends with its producer."""
        self._host = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
