"""The broker, the topics on it, and what we may do there."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer

from controltower.doctor.clocks import judge_clock
from controltower.doctor.finding import Finding, fail, ok, warn
from controltower.streaming.broker_clock import LOG_APPEND_TIME
from controltower.streaming.exits import RestartMe
from controltower.streaming.kafka_config import producer_config
from controltower.streaming.quiet_admin import QuietAdmin
from controltower.streaming.topics import TopicFault, TopicSpec, check_topics
from schemas.topics import DEAD_LETTERS

ANSWER_S = 8.0
_TRANSACTION_S = 15.0
#: Written in a transaction that is aborted: no reader of committed records ever sees it.
_PROBE_KEY = b"controltower-doctor"

Security = Mapping[str, str]


def check_broker(brokers: str, security: Security, answer_s: float = ANSWER_S) -> Finding:
    """Whether it answers; the client's own words say why not (wrong password, no TLS, nobody there)."""
    admin = QuietAdmin(brokers, security)
    try:
        found = admin.list_topics(timeout=answer_s)
    except KafkaException as failed:
        return fail("kafka", f"{brokers} does not answer: {admin.why(failed)}", _hint(admin.errors, security))
    names = ", ".join(f"{broker.host}:{broker.port}" for broker in found.brokers.values())
    return ok("kafka", f"answers at {names}")


def _hint(errors: Iterable[KafkaError], security: Security) -> str:
    codes = {error.code() for error in errors}
    if KafkaError._AUTHENTICATION in codes:
        return "check CONTROLTOWER_KAFKA_SASL_USERNAME, _PASSWORD and _MECHANISM"
    if KafkaError._SSL in codes:
        return "check CONTROLTOWER_KAFKA_SSL_CA_LOCATION and the certificates"
    if not security:
        return (
            "start it, or set CONTROLTOWER_BROKERS; does it want TLS (CONTROLTOWER_KAFKA_SECURITY_PROTOCOL)?"
        )
    return "start it, or set CONTROLTOWER_BROKERS"


def check_all_topics(brokers: str, security: Security, specs: Sequence[TopicSpec]) -> Iterator[Finding]:
    """Missing ones, other partition counts, other settings; one finding per topic that is wrong."""
    try:
        faults = check_topics(brokers, specs, security)
    except (KafkaException, RestartMe) as failed:
        why = failed.args[0].str() if isinstance(failed, KafkaException) else str(failed)
        yield warn(
            "topics", f"cannot be looked at: {why}", "grant Describe and DescribeConfigs (docs/security.md)"
        )
        return
    if not faults:
        yield ok("topics", f"all {len(specs)} are as the table has them")
    by_topic: dict[str, list[TopicFault]] = {}
    for fault in faults:
        by_topic.setdefault(fault.topic, []).append(fault)
    for topic, ours in by_topic.items():
        yield _topic_finding(topic, [fault.what for fault in ours])


def _topic_finding(topic: str, faults: Sequence[str]) -> Finding:
    text = "; ".join(faults)
    if "is missing" in text:
        return fail("topics", f"{topic} is missing", "controltower topics create")
    if "partitions" in text:
        hint = "a running system keeps its count: set CONTROLTOWER_PARTITIONS, or recreate the odd topic"
        return fail("topics", f"{topic} {text}", hint)
    wanted = ",".join(fault.removeprefix("has ").split("=")[0] + "=..." for fault in faults)
    return warn("topics", f"{topic} {text}", f"kafka-configs --alter --topic {topic} --add-config {wanted}")


def check_transactions(brokers: str, security: Security, app_id: str) -> Iterator[Finding]:
    """Whether transactions are permitted and work; tells the clock from the time of a record in one."""
    producer = Producer(
        {
            **producer_config(brokers, security),
            "log_level": 0,
            "transactional.id": f"{app_id}-doctor",
            "transaction.timeout.ms": int(_TRANSACTION_S * 1000),
        }
    )
    confirmed: list[tuple[float, Any, Any]] = []
    try:
        producer.list_topics(timeout=ANSWER_S)
        producer.init_transactions(_TRANSACTION_S)
        producer.begin_transaction()
        sent_ms = time.time() * 1000
        producer.produce(
            DEAD_LETTERS,
            key=_PROBE_KEY,
            on_delivery=lambda error, message: confirmed.append((time.time() * 1000, error, message)),
        )
        producer.flush(_TRANSACTION_S)
        producer.abort_transaction(_TRANSACTION_S)
    except KafkaException as failed:
        yield fail("transactions", f"do not work: {failed.args[0].str()}", _transactions_hint(failed.args[0]))
        return
    if not confirmed or confirmed[0][1] is not None:
        why = confirmed[0][1].str() if confirmed else f"no answer within {_TRANSACTION_S:.0f} s"
        yield fail("transactions", f"{DEAD_LETTERS} cannot be written: {why}", _transactions_hint(None))
        return
    yield ok("transactions", "permitted, and they work")
    confirmed_ms, _, message = confirmed[0]
    kind, at_ms = message.timestamp()
    yield judge_clock(sent_ms, at_ms if kind == LOG_APPEND_TIME else None, confirmed_ms)


def _transactions_hint(error: KafkaError | None) -> str:
    if error is None or "AUTHORIZATION" in error.name():
        return "grant Write on the topics and on the transactional ids (docs/security.md)"
    return "are there as many brokers as __transaction_state wants copies (3 by default)?"
