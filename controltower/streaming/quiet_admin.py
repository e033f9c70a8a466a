"""An admin client that keeps what went wrong for whoever asks, instead of writing it many times a second."""

from __future__ import annotations

from collections import deque

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from controltower.streaming.kafka_config import Security, client_config

_TELLING = (KafkaError._AUTHENTICATION, KafkaError._SSL)
_KEPT = 50


class QuietAdmin(AdminClient):  # type: ignore[misc]
    """`errors` are the latest that the client met on its way to the brokers."""

    def __init__(self, brokers: str, security: Security) -> None:
        self.errors: deque[KafkaError] = deque(maxlen=_KEPT)
        super().__init__({**client_config(brokers, security), "log_level": 0, "error_cb": self.errors.append})

    def why(self, failed: KafkaException) -> str:
        """The reason behind a call that failed: rather a refused sign-in than that nobody answered."""
        self.poll(0)
        met = list(self.errors)
        telling = [error for error in met if error.code() in _TELLING]
        met = telling or [error for error in met if error.code() != KafkaError._ALL_BROKERS_DOWN]
        return str(met[-1].str() if met else failed.args[0].str())
