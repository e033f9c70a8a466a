"""`controltower doctor`: each fault in one line with what to do, and no secret in any of them."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.cli import main
from agents.commands.doctor import check_sinks
from controltower.doctor.clocks import judge_clock
from controltower.doctor.files import check_files
from controltower.doctor.finding import Finding, Level
from controltower.doctor.groups import Group, judge_group
from controltower.doctor.services import check_ports, check_redis, judge_redis
from controltower.embedded.redis import EmbeddedRedis
from controltower.metrics import Health, MetricsServer, PrometheusObserver, serve_metrics
from schemas.topics import STAGES

SECRET = "geheim-4711"


def of_level(findings: Iterator[Finding], level: Level) -> list[Finding]:
    return [finding for finding in findings if finding.level is level]


def test_the_shipped_files_are_well() -> None:
    """Mappings, playbook and model."""
    assert {finding.level for finding in check_files(None, None, None)} == {Level.OK}


def test_broken_files_are_named(tmp_path: Path) -> None:
    """Which file, and which stage does not start with it; a missing model is no failure but a warning."""
    (tmp_path / "bad.yaml").write_text("feed: [\n")
    findings = list(check_files(tmp_path, tmp_path / "bad.yaml", tmp_path / "nowhere"))
    assert [finding.level for finding in findings] == [Level.FAIL, Level.FAIL, Level.WARN]
    for finding in findings[:2]:
        assert "bad.yaml" in finding.what
        assert finding.hint
    assert "the rule answers" in findings[2].what


@pytest.mark.parametrize(
    ("sent", "appended", "confirmed", "what"),
    [
        (0, 5, 10, "within"),
        (0, 1_900, 10, "within"),
        (600_000, 5, 600_010, "600 s ahead of the broker"),
        (5, 600_000, 15, "600 s behind the broker"),
        (0, 5, 60_000, "within"),
        (0, None, 10, "does not keep the broker's time"),
    ],
)
def test_a_clock_is_judged_by_when_a_record_was_appended(
    sent: float, appended: int | None, confirmed: float, what: str
) -> None:
    """An answer that took long says nothing against a clock: the append lies between sending and hearing."""
    assert what in judge_clock(sent, appended, confirmed).what


@pytest.mark.parametrize(
    ("group", "level", "what"),
    [
        (Group(True, True, 2, 5), Level.OK, "runs with 2 processes, 5 records behind"),
        (Group(True, True, 1, None), Level.OK, "runs with 1 process"),
        (Group(True, True, 1, 50_000), Level.WARN, "50,000 records behind"),
        (Group(True, False, 1, 0), Level.WARN, "sharing out"),
        (Group(False, False, 0, 3), Level.WARN, "does not run, 3 records behind"),
    ],
)
def test_a_stage_is_judged_by_its_group(group: Group, level: Level, what: str) -> None:
    """Running, keeping up, or what to do."""
    finding = judge_group("track", group)
    assert finding.level is level
    assert what in finding.what
    assert bool(finding.hint) == (level is not Level.OK)


@pytest.mark.parametrize(
    ("about", "level"),
    [
        ({"redis_version": "7.2.4", "role": "master", "maxmemory": 0}, Level.OK),
        ({"redis_version": "6.0.1"}, Level.FAIL),
        ({"redis_version": "7.0.0", "role": "slave"}, Level.FAIL),
        ({"redis_version": "7.0.0", "maxmemory": 100, "used_memory": 95}, Level.WARN),
    ],
)
def test_a_redis_is_judged_by_what_it_says(about: dict[str, object], level: Level) -> None:
    """Too old, a replica, or nearly full."""
    assert judge_redis("redis://cache", about).level is level


def test_a_redis_that_is_there_and_one_that_is_not() -> None:
    """Both by name; the sign-in of a Redis that wants none is refused without showing it."""
    with EmbeddedRedis() as redis:
        assert check_redis(redis.url, {}).level is Level.OK
        refused = check_redis(redis.url, {"password": SECRET})
        assert (refused.level, SECRET in str(refused)) == (Level.FAIL, False)
    gone = check_redis(redis.url, {"password": SECRET})
    assert "does not answer" in gone.what
    assert SECRET not in str(gone)


@pytest.fixture
def stage() -> Iterator[tuple[Health, MetricsServer]]:
    """The ports of a stage whose loop turns and which is not ready yet."""
    health = Health(stale_after_s=30)
    server = serve_metrics("127.0.0.1", 0, PrometheusObserver(health))
    yield health, server
    server.close()


def test_a_port_tells_of_its_stage(stage: tuple[Health, MetricsServer]) -> None:
    """Restoring is a fault with a runbook, ready is well, nobody there is no fault."""
    health, server = stage
    (waiting,) = of_level(check_ports("127.0.0.1", server.port), Level.FAIL)
    assert "503 at /readyz" in waiting.what
    health.ready = True
    first, *others = check_ports("127.0.0.1", server.port)
    assert (first.level, first.what) == (Level.OK, "normalize is alive and ready")
    assert len(others) == len(STAGES) - 1


def test_a_port_that_hangs() -> None:
    """A stopped process still accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        findings = list(check_ports("127.0.0.1", silent.getsockname()[1]))
    assert (findings[0].level, "hangs" in findings[0].what) == (Level.FAIL, True)


def test_without_a_broker(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Says so with a hint, looks at the rest all the same, and exits 1."""
    monkeypatch.setenv("CONTROLTOWER_REDIS_URL", "redis://127.0.0.1:1/0")
    monkeypatch.setenv("CONTROLTOWER_METRICS_PORT", "0")
    assert main(["doctor", "--brokers", "127.0.0.1:1", "--json"]) == 1
    findings = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    failed = {finding["subject"]: finding for finding in findings if finding["level"] == "fail"}
    assert set(failed) == {"kafka", "redis"}
    assert "Connection refused" in failed["kafka"]["what"]
    assert all(finding["hint"] for finding in failed.values())


def test_the_file_of_sinks_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is one; a secret that is missing is named, and no secret is shown."""
    path = tmp_path / "sinks.yaml"
    hook = "{url: 'http://127.0.0.1:1/', secret_variables: [DESK], exceptions: {}}"
    path.write_text(f"allow_loopback: true\nwebhooks: {{desk: {hook}}}\n")
    missing = check_sinks(path)
    assert missing.level is Level.FAIL
    assert "DESK" in missing.what
    monkeypatch.setenv("DESK", "whsec_" + "Z2VoZWltLTQ3MTEtZ2VoZWltLTQ3MTE=")
    assert check_sinks(path).level is Level.OK
