"""On a Kafka with its authorizer on, each stage signs in as itself and has exactly the documented rights."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from agents.access import rights_of
from agents.topic_specs import wanted_topics
from controltower.embedded.redis import EmbeddedRedis
from controltower.settings import load_settings
from controltower.streaming.client import produce_all, read_topic
from controltower.streaming.exits import Exit
from controltower.streaming.stage import Out
from controltower.streaming.topics import create_topics
from schemas import topics
from schemas.topics import STAGES
from tests.integration.poison import good
from tests.integration.tower import Tower, wait_until
from tests.kafka import without_kafka_skip
from tests.secure_kafka import SecureKafka, make_authority, make_certificate, secure_kafka

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

SECRET = "geheim-4711"
#: The others come with certificates.
BY_PASSWORD = ("normalize", "assign", "track")


@pytest.fixture(scope="module")
def kafka() -> Iterator[SecureKafka]:
    """Topics made by the administrator; nobody else may do anything yet."""
    with without_kafka_skip(), secure_kafka() as kafka:
        create_topics(kafka.brokers, wanted_topics(load_settings({"brokers": kafka.brokers})))
        yield kafka


@pytest.fixture
def app_id() -> str:
    return f"test-{uuid.uuid4().hex[:8]}"


def sign_in(kafka: SecureKafka, user: str, *, password: str = SECRET) -> dict[str, str]:
    """Settings of a user that has a password, or a certificate."""
    authority = {"kafka_ssl_ca_location": f"{kafka.folder}/ca.pem"}
    if user in BY_PASSWORD:
        return authority | {
            "kafka_security_protocol": "SASL_SSL",
            "kafka_sasl_mechanism": "SCRAM-SHA-512",
            "kafka_sasl_username": user,
            "kafka_sasl_password": password,
        }
    return authority | {
        "kafka_security_protocol": "SSL",
        "kafka_ssl_certificate_location": f"{kafka.folder}/{user}.crt",
        "kafka_ssl_key_location": f"{kafka.folder}/{user}.key",
    }


def enrol(kafka: SecureKafka, user: str) -> None:
    if user in BY_PASSWORD:
        kafka.add_user(user, SECRET)
    else:
        make_certificate(kafka.folder, user)


def tower_of(
    kafka: SecureKafka, user: str, app_id: str, folder: Path, redis_url: str, **settings: str
) -> Tower:
    brokers = kafka.sasl_brokers if user in BY_PASSWORD else kafka.tls_brokers
    return Tower(brokers, app_id, folder, redis_url, **(sign_in(kafka, user) | settings))


def test_every_stage_runs_with_its_least_rights(kafka: SecureKafka, app_id: str, tmp_path: Path) -> None:
    """SCRAM over TLS and client certificates; nobody may create a topic; a plan becomes a status in Redis."""
    towers: dict[str, Tower] = {}
    with EmbeddedRedis() as redis, Redis.from_url(redis.url) as read_model:
        try:
            for stage in STAGES:
                enrol(kafka, stage)
                kafka.grant(stage, rights_of(stage, app_id))
                towers[stage] = tower_of(kafka, stage, app_id, tmp_path, redis.url)
                towers[stage].start(stage, "worker", "--stage", stage)
            for stage, tower in towers.items():
                wait_until(f"{stage} is ready", lambda t=tower, s=stage: t.ready_partitions(s) != [])
            intake = [good(topic, 0) for topic in (topics.PLANS, topics.CARRIER_EVENTS)]
            produce_all(kafka.brokers, (Out(r.topic, r.key, r.value, 0, r.headers) for r in intake))
            wait_until("a status", lambda: any(read_topic(kafka.brokers, [topics.ROUTE_STATUS])))
            wait_until("it is in Redis", lambda: read_model.exists("ct:2:route:R-0"))
            for stage, tower in towers.items():
                assert tower.stop(stage) == Exit.CLEAN, tower.log(stage)
                assert "AUTHORIZATION" not in tower.log(stage).upper()
                assert SECRET not in tower.log(stage)
        finally:
            for tower in towers.values():
                tower.close()


def test_a_right_that_is_missing_is_named(kafka: SecureKafka, app_id: str, tmp_path: Path) -> None:
    """A stage that may not write its changelog needs a person: exit code 3 and what to grant."""
    enrol(kafka, "track")
    rights = [right for right in rights_of("track", app_id) if right.resource != "TransactionalId"]
    kafka.grant("track", rights)
    tower = tower_of(kafka, "track", app_id, tmp_path, "redis://127.0.0.1:1")
    try:
        assert tower.run("track", "worker", "--stage", "track") == Exit.PERSON, tower.log("track")
        assert "Grant this stage the right to its transactional ids" in tower.log("track")
    finally:
        tower.close()


def test_a_wrong_password_is_told_and_not_shown(kafka: SecureKafka, app_id: str, tmp_path: Path) -> None:
    """The doctor says which settings to look at; neither it nor a stage prints the password."""
    enrol(kafka, "track")
    wrong = {"kafka_sasl_password": f"{SECRET}-wrong", "broker_call_s": "5", "log_level": "debug"}
    tower = tower_of(kafka, "track", app_id, tmp_path, "redis://127.0.0.1:1", **wrong)
    try:
        assert tower.run("doctor", "doctor") == 1
        assert "uthentication failed" in tower.log("doctor")
        assert "hint: check CONTROLTOWER_KAFKA_SASL_USERNAME" in tower.log("doctor")
        assert tower.run("track", "worker", "--stage", "track") == Exit.RESTART
        for name in ("doctor", "track"):
            assert SECRET not in tower.log(name)
    finally:
        tower.close()


def test_a_certificate_of_another_authority_is_refused(kafka: SecureKafka, tmp_path: Path) -> None:
    """We check the broker's certificate, whatever the broker would accept."""
    make_authority(tmp_path)
    settings = sign_in(kafka, "track") | {"kafka_ssl_ca_location": str(tmp_path / "ca.pem")}
    tower = Tower(kafka.sasl_brokers, "test", tmp_path, "redis://127.0.0.1:1", **settings)
    try:
        assert tower.run("doctor", "doctor") == 1
        assert "certificate" in tower.log("doctor")
        assert "hint: check CONTROLTOWER_KAFKA_SSL_CA_LOCATION" in tower.log("doctor")
    finally:
        tower.close()
