"""Publishing records of a recorded day at its pace, or faster."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer

from controltower.offline.broker import BrokerError
from controltower.streaming.kafka_config import producer_config
from controltower.streaming.stage import Out

_FLUSH_LIMIT_S = 60.0
#: A laptop's timer is not finer, and a shorter sleep costs more than it waits.
_SHORTEST_SLEEP_S = 0.005


class Publisher:
    """Every call raises BrokerError once the broker refused a record."""

    def __init__(self, brokers: str, security: Mapping[str, str]) -> None:
        self._producer = Producer({**producer_config(brokers, security), "log_level": 0})
        self._refused: KafkaError | None = None

    def send(self, outs: Iterable[Out]) -> None:
        for out in outs:
            place = {} if out.partition is None else {"partition": out.partition}
            self._produce(out, place)

    def poll(self) -> None:
        """Let the client tell what became of earlier records."""
        self._producer.poll(0)
        if self._refused is not None:
            raise BrokerError(f"the broker refused a record: {self._refused.str()}")

    def flush(self) -> None:
        """Return once everything is at the broker."""
        left = self._producer.flush(_FLUSH_LIMIT_S)
        self.poll()
        if left:
            raise BrokerError(f"the broker did not take {left:,} records within {_FLUSH_LIMIT_S:.0f} s")

    def _produce(self, out: Out, place: Mapping[str, int]) -> None:
        while True:
            try:
                self._producer.produce(
                    out.topic,
                    key=out.key,
                    value=out.value,
                    headers=list(out.headers),
                    on_delivery=self._delivered,
                    **place,
                )
            except BufferError:  # the client's queue is full: wait for the broker
                self._producer.poll(0.1)
            except KafkaException as failed:
                raise BrokerError(f"{out.topic} cannot be written: {failed.args[0].str()}") from failed
            else:
                self.poll()
                return

    def _delivered(self, error: KafkaError | None, _message: Any) -> None:
        if error is not None and self._refused is None:
            self._refused = error


class Pace:
    """Stream time to wall time: `speed` seconds of the day in one second."""

    def __init__(
        self,
        starts_at_ms: int,
        speed: float,
        monotonic_s: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._starts_at_ms, self._speed = starts_at_ms, speed
        self._monotonic_s, self._sleep = monotonic_s, sleep
        self._started_s = monotonic_s()

    def wait_for(self, at_ms: int, meanwhile: Callable[[], None]) -> None:
        """Return when it is `at_ms`; at most a second late or early in any one sleep."""
        due_s = self._started_s + (at_ms - self._starts_at_ms) / 1000 / self._speed
        while (wait_s := due_s - self._monotonic_s()) > _SHORTEST_SLEEP_S:
            meanwhile()
            self._sleep(min(wait_s, 1.0))

    def postpone(self, seconds: float) -> None:
        """The day stood still for so long: what is to come is as much later."""
        self._started_s += seconds
