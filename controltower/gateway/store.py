"""Events into Kafka: a request is answered once the broker has confirmed all of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, Producer

from controltower.gateway.refusal import Refusal, Refused
from controltower.streaming.kafka_config import producer_config
from controltower.streaming.stage import Out

#: So often the client library is asked for confirmations while there are any to come.
_POLL_S: Final = 0.002
#: Rather a clear refusal than a sender that waits.
_CONFIRM_MS: Final = 10_000
_LARGEST_BYTES: Final = 4 << 20
_RETRY_AFTER_S: Final = 2


class Store:
    """An idempotent producer that waits for all replicas (acks=all). Use within one event loop."""

    def __init__(self, brokers: str, security: Mapping[str, str], confirm_ms: int = _CONFIRM_MS) -> None:
        config = {
            **producer_config(brokers, security),
            "acks": "all",
            "message.timeout.ms": confirm_ms,
            "message.max.bytes": _LARGEST_BYTES,
            "queue.buffering.max.messages": 200_000,
            "linger.ms": 2,
            "log_level": 0,
        }
        self._producer = Producer(config)
        self._owed = 0
        self._polling = False

    async def write(self, outs: Sequence[Out]) -> None:
        """Return when the broker has confirmed every record. Raises Refused; some may then be stored."""
        waiting = _Waiting(self, len(outs), asyncio.get_running_loop().create_future())
        try:
            for out in outs:
                self._producer.produce(
                    out.topic,
                    out.value,
                    out.key,
                    headers=list(out.headers),
                    on_delivery=waiting.delivered,
                )
                self._owed += 1
                waiting.sent += 1
        except (BufferError, KafkaException):
            waiting.failed = True
        waiting.all_sent()
        self._poll_soon()
        await waiting.done
        if waiting.failed:
            raise Refused(Refusal.NOT_STORED, retry_after_s=_RETRY_AFTER_S)

    def confirmed(self) -> None:
        self._owed -= 1

    def _poll_soon(self) -> None:
        if not self._polling and self._owed:
            self._polling = True
            asyncio.get_running_loop().call_later(_POLL_S, self._poll)

    def _poll(self) -> None:
        self._polling = False
        self._producer.poll(0)
        self._poll_soon()

    def answers(self) -> bool:
        """Whether the broker does, within 2 s; blocks."""
        try:
            self._producer.list_topics(timeout=2.0)
        except KafkaException:
            return False
        return True

    def close(self) -> None:
        """Wait for what is under way, at most as long as its sender would."""
        self._producer.flush(_CONFIRM_MS / 1000)


class _Waiting:
    """One request's records under way."""

    def __init__(self, store: Store, wanted: int, done: asyncio.Future[None]) -> None:
        self._store, self._wanted = store, wanted
        self._confirmed = 0
        self.sent = 0
        self.done = done
        self.failed = False

    def delivered(self, error: KafkaError | None, _message: Any) -> None:
        self._store.confirmed()
        self._confirmed += 1
        self.failed = self.failed or error is not None
        self._finish_if_done()

    def all_sent(self) -> None:
        """Called once no more is sent, whether all was or not."""
        self._wanted = self.sent
        self._finish_if_done()

    def _finish_if_done(self) -> None:
        if self._confirmed >= self._wanted and not self.done.done():
            self.done.set_result(None)
