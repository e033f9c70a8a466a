"""librdkafka's in-memory cluster by its C interface (rdkafka_mock.h), which confluent-kafka does not wrap.

Wanted for one thing: topics with a number of partitions of our choice. A cluster that a producer makes by
its settings gives every topic four.
"""

from __future__ import annotations

import ctypes
from ctypes import c_char_p, c_int, c_size_t, c_void_p
from typing import Any, Final

from confluent_kafka import cimpl

_PRODUCER: Final = 0
_SET: Final = 0
_SIGNATURES: Final[dict[str, tuple[Any, tuple[Any, ...]]]] = {
    "rd_kafka_conf_new": (c_void_p, ()),
    "rd_kafka_conf_set": (c_int, (c_void_p, c_char_p, c_char_p, c_char_p, c_size_t)),
    "rd_kafka_new": (c_void_p, (c_int, c_void_p, c_char_p, c_size_t)),
    "rd_kafka_destroy": (None, (c_void_p,)),
    "rd_kafka_mock_cluster_new": (c_void_p, (c_void_p, c_int)),
    "rd_kafka_mock_cluster_destroy": (None, (c_void_p,)),
    "rd_kafka_mock_cluster_bootstraps": (c_char_p, (c_void_p,)),
    "rd_kafka_mock_topic_create": (c_int, (c_void_p, c_char_p, c_int, c_int)),
}


class MockCluster:
    """One broker on a loopback port, until `stop`. Raises OSError where the library cannot be used so."""

    def __init__(self) -> None:
        self._library = _load()
        self._client = self._new_client()
        self._cluster = self._library.rd_kafka_mock_cluster_new(self._client, 1)
        if not self._cluster:
            self._library.rd_kafka_destroy(self._client)
            raise OSError("librdkafka does not start its in-memory cluster")

    @property
    def brokers(self) -> str:
        address: bytes = self._library.rd_kafka_mock_cluster_bootstraps(self._cluster)
        return address.decode()

    def create_topic(self, name: str, partitions: int) -> None:
        """Once per name. Raises OSError."""
        refused: int = self._library.rd_kafka_mock_topic_create(self._cluster, name.encode(), partitions, 1)
        if refused:
            raise OSError(f"librdkafka's in-memory cluster refuses the topic {name}: error {refused}")

    def stop(self) -> None:
        """The cluster and the client that it lives in; not to be called twice."""
        self._library.rd_kafka_mock_cluster_destroy(self._cluster)
        self._library.rd_kafka_destroy(self._client)

    def _new_client(self) -> int:
        """A producer without brokers: nothing but the thread that the cluster runs in."""
        reason = ctypes.create_string_buffer(256)
        config = self._library.rd_kafka_conf_new()
        if self._library.rd_kafka_conf_set(config, b"log_level", b"0", reason, len(reason)) != _SET:
            raise OSError(reason.value.decode())
        client: int | None = self._library.rd_kafka_new(_PRODUCER, config, reason, len(reason))
        if not client:
            raise OSError(reason.value.decode())
        return client


def _load() -> ctypes.CDLL:
    """The library that confluent-kafka has loaded: a look-up in its module goes on into what that needs."""
    library = ctypes.CDLL(cimpl.__file__)
    for name, (result, arguments) in _SIGNATURES.items():
        try:
            function = getattr(library, name)
        except AttributeError as missing:
            raise OSError(f"librdkafka has no {name} here") from missing
        function.restype, function.argtypes = result, arguments
    return library
