"""A topic of a broker as it goes on, folded into its state."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final, Self

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition

from controltower.client.state import Content, State
from controltower.streaming.kafka_config import client_config

_MOST_AT_ONCE: Final = 1000
_ANSWER_S: Final = 10.0
_NO_SECURITY: Final[Mapping[str, str]] = {}


class FollowError(Exception):
    """The topic can't be read; one line."""


class Follower:
    """Reads committed records of a whole topic, from where the state stands.

    Use as a context manager. The positions last with the state, not at the broker: whoever dies between two
    `save` calls reads the records since the last one again, and what had been deleted meanwhile is passed
    over. Needs no right to any consumer group's offsets.
    """

    def __init__(self, brokers: str, state: State, security: Mapping[str, str] = _NO_SECURITY) -> None:
        """Raises FollowError when the broker does not answer or the topic is missing."""
        self._state = state
        self._consumer = Consumer(
            {
                **client_config(brokers, security),
                "group.id": "controltower-client",
                "isolation.level": "read_committed",
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
            }
        )
        try:
            listed = self._consumer.list_topics(state.topic, timeout=_ANSWER_S).topics[state.topic]
        except KafkaException as failed:
            raise FollowError(f"Kafka at {brokers} does not answer: {failed.args[0].str()}") from failed
        if listed.error is not None:
            raise FollowError(f"{state.topic} cannot be read: {listed.error.str()}")
        starts = {number: state.positions.get(number, OFFSET_BEGINNING) for number in listed.partitions}
        self._consumer.assign([TopicPartition(state.topic, number, at) for number, at in starts.items()])

    def poll(self, wait_s: float) -> list[Content]:
        """The news among what came within `wait_s`. Raises FollowError."""
        news = [self._take(message) for message in self._consumer.consume(_MOST_AT_ONCE, wait_s)]
        return [content for content in news if content is not None]

    def _take(self, message: Any) -> Content | None:
        error = message.error()
        if error is None:
            self._state.positions[message.partition()] = message.offset() + 1
            return self._state.fold(message.key(), message.value())
        if not error.retriable():
            raise FollowError(f"{self._state.topic} cannot be read: {error.str()}")
        return None

    def save(self) -> None:
        """What was polled is dealt with: after a restart it goes on behind it."""
        self._state.save()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._consumer.close()
