"""Client settings for the two Kafka clients, from one dictionary in librdkafka's words."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any

Security = Mapping[str, str]

_SASL_NAMES = {
    "security.protocol": "security_protocol",
    "sasl.mechanism": "sasl_mechanism",
    "sasl.mechanisms": "sasl_mechanism",
    "sasl.username": "sasl_plain_username",
    "sasl.password": "sasl_plain_password",
}


def client_config(brokers: str, security: Security) -> dict[str, Any]:
    """Settings shared by every confluent-kafka client of ours."""
    return {
        "bootstrap.servers": brokers,
        "log_level": 3,  # errors only: librdkafka tells of every lost connection otherwise
        "reconnect.backoff.ms": 50,
        "reconnect.backoff.max.ms": 1000,
        "allow.auto.create.topics": False,
        **security,
    }


def reader_config(brokers: str, security: Security, group: str) -> dict[str, Any]:
    """A consumer that reads whole partitions, committed records only, without joining its group."""
    return {
        **client_config(brokers, security),
        "group.id": group,
        "isolation.level": "read_committed",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "enable.partition.eof": True,
        "auto.offset.reset": "error",
        "fetch.wait.max.ms": 10,
        "queued.max.messages.kbytes": 65536,
    }


def producer_config(brokers: str, security: Security) -> dict[str, Any]:
    """A producer whose partitioner agrees with Java's and with `partition_of`."""
    return {
        **client_config(brokers, security),
        "enable.idempotence": True,
        "partitioner": "murmur2_random",
        "linger.ms": 5,
        "queue.buffering.max.messages": 1_000_000,
    }


def aiokafka_config(security: Security) -> dict[str, Any]:
    """The same security settings in aiokafka's words."""
    config: dict[str, Any] = {_SASL_NAMES[k]: v for k, v in security.items() if k in _SASL_NAMES}
    if "SSL" in config.get("security_protocol", ""):
        config["ssl_context"] = ssl_context(security)
    return config


def ssl_context(security: Security) -> ssl.SSLContext:
    """Verifies the broker's certificate and name; has a client certificate where one is set."""
    context = ssl.create_default_context(cafile=security.get("ssl.ca.location"))
    certificate = security.get("ssl.certificate.location")
    if certificate:
        key, password = security.get("ssl.key.location"), security.get("ssl.key.password")
        context.load_cert_chain(certificate, key, password)
    return context
