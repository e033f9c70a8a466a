"""/healthz and /readyz tell the truth: restoring is not ready, a hung loop is not healthy and ends."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from confluent_kafka import ConsumerGroupState
from confluent_kafka.admin import AdminClient

from controltower.embedded.ports import find_free_port
from controltower.streaming.client import produce_all
from controltower.streaming.exits import Exit
from controltower.streaming.stage import Out
from schemas.topics import ALL_STAGES
from tests.integration.tower import Tower, fresh_topics, wait_until
from tests.integration.toy import Toy, toy_run
from tests.kafka import RealKafka
from tests.product import product_environment
from tests.unit.readmodel_records import story

pytestmark = pytest.mark.kafka
#: The loop counts as hung after the first, the process ends after the second.
STALE_S, STUCK_S = 4, 15


def ask(port: int, path: str) -> int | None:
    """The status, None where nobody listens."""
    try:
        with urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return int(answer.status)
    except HTTPError as refused:
        return refused.code
    except OSError:
        return None


@contextmanager
def stage(toy: Toy, port: int, hold: Path) -> Iterator[subprocess.Popen[bytes]]:
    settings = {
        "brokers": toy.brokers,
        "app": toy.app,
        "source": toy.source,
        "changelog": toy.changelog,
        "port": port,
        "hold": str(hold),
        "stale_s": STALE_S,
        "stuck_s": STUCK_S,
    }
    command = [sys.executable, str(Path(__file__).with_name("healthy_stage.py")), json.dumps(settings)]
    process = subprocess.Popen(command, env=product_environment())
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def toy_group_size(toy: Toy) -> int:
    """Members of the stage's group once it has settled, else 0."""
    admin = AdminClient({"bootstrap.servers": toy.brokers})
    name = f"{toy.app}-track"
    found = admin.describe_consumer_groups([name])[name].result(10)
    return len(found.members) if found.state is ConsumerGroupState.STABLE else 0


def test_health_through_a_life(real_kafka: RealKafka, tmp_path: Path) -> None:
    """Joining and restoring: alive, not ready. Restored: both. A hung loop: not alive, then restart me."""
    hold, port = tmp_path / "hold", find_free_port()
    hold.touch()
    with toy_run(real_kafka.brokers, tmp_path) as toy, stage(toy, port, hold) as process:
        wait_until("it listens", lambda: ask(port, "/healthz") == 200)
        assert ask(port, "/readyz") == 503
        wait_until("its beat is heard", lambda: ask(port, "/healthz") == 200)
        assert ask(port, "/readyz") == 503
        hold.unlink()
        wait_until("it is ready", lambda: ask(port, "/readyz") == 200)
        wait_until("and healthy", lambda: ask(port, "/healthz") == 200)

        produce_all(toy.brokers, [Out(toy.source, b"k", b"hang")])
        wait_until("it is not healthy", lambda: ask(port, "/healthz") == 503)
        assert process.wait(90) == Exit.RESTART


def test_a_new_assignment_is_not_ready_until_it_is_restored(real_kafka: RealKafka, tmp_path: Path) -> None:
    """When a second process joins and has to restore, it is not ready, and the first one is again."""
    hold, first, second = tmp_path / "hold", find_free_port(), find_free_port()
    with toy_run(real_kafka.brokers, tmp_path) as toy, stage(toy, first, tmp_path / "none"):
        wait_until("the first is ready", lambda: ask(first, "/readyz") == 200)
        hold.touch()
        with stage(toy, second, hold):
            wait_until("the second listens", lambda: ask(second, "/healthz") == 200)
            wait_until("the second joins", lambda: toy_group_size(toy) == 2)
            wait_until("the first is ready with the rest", lambda: ask(first, "/readyz") == 200)
            assert ask(second, "/readyz") == 503
            hold.unlink()
            wait_until("the second is ready", lambda: ask(second, "/readyz") == 200)


def test_without_an_answer_of_the_broker_it_lives_and_is_not_ready(
    real_kafka: RealKafka, tmp_path: Path
) -> None:
    """Also a stage that has nothing to write and would notice nothing for long; it is ready again at once."""
    if not real_kafka.can_fault:
        pytest.skip("the broker was given by KAFKA_TEST_BROKERS and cannot be stopped by a test")
    port = find_free_port()
    with toy_run(real_kafka.brokers, tmp_path) as toy, stage(toy, port, tmp_path / "none"):
        wait_until("it is ready", lambda: ask(port, "/readyz") == 200)
        real_kafka.pause()
        try:
            wait_until("it is not ready", lambda: ask(port, "/readyz") == 503)
            wait_until("and lives", lambda: ask(port, "/healthz") == 200)
        finally:
            real_kafka.resume()
        wait_until("it is ready again", lambda: ask(port, "/readyz") == 200)


@pytest.mark.parametrize(
    ("name", "said"),
    [("project", "redis is down, waiting"), ("score", '"ready"')],
)
def test_what_a_stage_can_do_without_leaves_it_ready(
    real_kafka: RealKafka, tmp_path: Path, name: str, said: str
) -> None:
    """Redis away: it waits with records in hand. No model: the rule answers. A restart would mend neither."""
    fresh_topics(real_kafka.brokers)
    (tmp_path / "model").mkdir()
    port, broken = (
        find_free_port(),
        {"redis_url": "redis://127.0.0.1:1", "model_dir": str(tmp_path / "model")},
    )
    app_id = f"t-{uuid.uuid4().hex[:8]}"
    tower = Tower(real_kafka.brokers, app_id, tmp_path, **broken, metrics_port=str(port))
    port += ALL_STAGES.index(name)
    try:
        tower.start(name, "worker", "--stage", name)
        produce_all(real_kafka.brokers, [Out(r.topic, r.key, r.value, r.partition) for r in story()])
        wait_until("it works without", lambda: said in tower.log(name))
        wait_until("it is ready", lambda: ask(port, "/readyz") == 200)
        assert ask(port, "/healthz") == 200
    finally:
        tower.close()
