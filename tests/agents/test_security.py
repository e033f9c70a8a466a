"""Rights as documented, no port but ours, and no secret in anything that is printed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from agents.access import rights_of, rights_table
from agents.cli import COMMANDS, main
from controltower.settings import Settings, variable_of
from controltower.streaming.connection import Connection
from controltower.streaming.ownership import Ownership
from controltower.streaming.patched.app import build_app
from controltower.streaming.stage import StageSpec
from schemas.topics import ALL_STAGES, TOPICS, Role, changelog_of
from tests.product import product_environment

ROOT = Path(__file__).parents[2]
SECRET = "geheim-4711"
SECRETS = [name for name, field in Settings.model_fields.items() if "SecretStr" in str(field.annotation)]
#: What each command does where neither Kafka nor Redis answers.
WITHOUT_ANYBODY = (
    ["doctor"],
    ["status"],
    ["verify"],
    ["worker", "--stage", "track"],
    ["worker", "--stage", "project"],
)


def test_the_page_has_the_rights_of_the_topic_table() -> None:
    """docs/security.md, word for word."""
    assert rights_table() in (ROOT / "docs" / "security.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("stage", ALL_STAGES)
def test_a_stage_may_write_what_it_says_and_nothing_else(stage: str) -> None:
    """No stage writes the intake or another stage's changelog, and none may do anything to the cluster."""
    rights = list(rights_of(stage, "app"))
    written = {right.name for right in rights if right.resource == "Topic" and "Write" in right.operations}
    forbidden = {topic.name for topic in TOPICS if topic.role in (Role.INTAKE, Role.CHANGELOG)}
    assert written & forbidden == {changelog_of(stage)}
    assert {right.resource for right in rights} == {"Topic", "Group", "TransactionalId"}
    assert [right.name for right in rights if right.prefixed] == [f"app-{stage}-"]


def test_fausts_web_server_is_off() -> None:
    """Neither configured nor in the way the app starts; another test looks at the ports of real stages."""
    spec = StageSpec("score", ("score-requests",), changelog_of("score"), lambda p, n: None)  # type: ignore[arg-type,return-value]
    connection = Connection(spec, "127.0.0.1:1", "test")
    app = build_app(connection, Ownership.__new__(Ownership))
    assert app.conf.web_enabled is False
    assert app.boot_strategy.enable_web is False


def run_command(*words: str, **settings: str) -> str:
    """Everything that a command prints, with a secret in every setting that is one."""
    secrets = {variable_of(name): f"{SECRET}-{name}" for name in SECRETS}
    ours = {variable_of(name): value for name, value in settings.items()}
    done = subprocess.run(
        [sys.executable, "-m", "agents.cli", *words],
        env={**product_environment(), **secrets, **ours},
        capture_output=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
        check=False,
    )
    return (done.stdout + done.stderr).decode()


def test_there_are_secrets_to_look_for() -> None:
    """The settings that are secret."""
    assert set(SECRETS) == {
        "kafka_sasl_username",
        "kafka_sasl_password",
        "kafka_ssl_key_password",
        "redis_username",
        "redis_password",
    }


@pytest.mark.slow
@pytest.mark.parametrize("words", WITHOUT_ANYBODY, ids=" ".join)
def test_no_secret_in_what_a_failing_command_says(words: list[str]) -> None:
    """At the log level that tells most, with Kafka and Redis out of reach."""
    said = run_command(
        *words,
        brokers="127.0.0.1:1",
        redis_url="redis://127.0.0.1:1/0",
        kafka_security_protocol="SASL_SSL",
        kafka_sasl_mechanism="SCRAM-SHA-512",
        log_level="debug",
        metrics_port="0",
        broker_call_s="1",
        topics_wait_s="1",
    )
    assert said
    assert SECRET not in said


@pytest.mark.parametrize("settings", [{"partitions": "many"}, {"redis_url": f"redis://u:{SECRET}@cache"}])
def test_no_secret_in_what_is_said_about_settings(settings: dict[str, str]) -> None:
    """An error names the setting, help the defaults; neither shows what is set."""
    assert SECRET not in run_command("topics", "check", **settings)
    assert SECRET not in run_command("--help", **settings)


@pytest.mark.parametrize("command", COMMANDS)
def test_no_secret_in_the_help_of_a_command(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Help is the same whatever is set."""
    for name in SECRETS:
        monkeypatch.setenv(variable_of(name), SECRET)
    with pytest.raises(SystemExit):
        main([command, "--help"])
    assert SECRET not in capsys.readouterr().out
