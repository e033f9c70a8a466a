"""Settings: the order of their sources, one-line errors that name the setting, secrets unseen."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from controltower.settings import PREFIX, Settings, SettingsError, load_settings, settings_table

DOCS = Path(__file__).parents[2] / "docs" / "settings.md"


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting from outside, and a folder without a settings file."""
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_defaults_hold_without_anything() -> None:
    """A laptop needs no setting."""
    settings = load_settings()
    assert (settings.brokers, settings.partitions, settings.metrics_host) == (
        "127.0.0.1:9092",
        4,
        "127.0.0.1",
    )
    assert settings.security() == {}


def test_option_beats_environment_beats_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Of the three sources the nearest wins, setting by setting; an option that was not given is None."""
    (tmp_path / "controltower.toml").write_text('partitions = 7\napp_id = "file"\nlog_level = "debug"\n')
    monkeypatch.setenv("CONTROLTOWER_APP_ID", "environment")
    monkeypatch.setenv("CONTROLTOWER_LOG_LEVEL", "warning")
    settings = load_settings({"log_level": "error", "app_id": None})
    assert (settings.partitions, settings.app_id, settings.log_level) == (7, "environment", "error")


def test_the_file_is_named_by_variable_or_option(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """CONTROLTOWER_CONFIG names the file, an option names another."""
    (tmp_path / "a.toml").write_text("partitions = 5\n")
    (tmp_path / "b.toml").write_text("partitions = 6\n")
    monkeypatch.setenv("CONTROLTOWER_CONFIG", str(tmp_path / "a.toml"))
    assert load_settings().partitions == 5
    assert load_settings({"config": tmp_path / "b.toml"}).partitions == 6


def test_an_empty_variable_is_no_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compose files hand on unset variables as empty ones."""
    monkeypatch.setenv("CONTROLTOWER_PARTITIONS", "")
    assert load_settings().partitions == 4


@pytest.mark.parametrize(
    ("variable", "value", "parts"),
    [
        ("CONTROLTOWER_PARTITIONS", "four", ["CONTROLTOWER_PARTITIONS", "'four'", "integer"]),
        ("CONTROLTOWER_PARTITIONS", "0", ["CONTROLTOWER_PARTITIONS", "greater than or equal to 1"]),
        ("CONTROLTOWER_LOG_FORMAT", "xml", ["CONTROLTOWER_LOG_FORMAT", "'json'"]),
        ("CONTROLTOWER_PARTITION", "4", ["CONTROLTOWER_PARTITION:", "did you mean CONTROLTOWER_PARTITIONS?"]),
        ("CONTROLTOWER_CONFIG", "missing.toml", ["CONTROLTOWER_CONFIG", "missing.toml"]),
        ("CONTROLTOWER_PLAYBOOK", "missing.yaml", ["CONTROLTOWER_PLAYBOOK", "does not exist"]),
        ("CONTROLTOWER_KAFKA_SECURITY_PROTOCOL", "SASL_SSL", ["CONTROLTOWER_KAFKA_SASL_MECHANISM"]),
    ],
)
def test_a_wrong_setting_is_named_in_one_line(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, parts: list[str]
) -> None:
    """The error names the variable and what is wrong with its value, in one line."""
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError) as raised:
        load_settings()
    message = str(raised.value)
    assert "\n" not in message
    assert [part for part in parts if part not in message] == []


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("partition = 4\n", "partition: there is no such setting (did you mean partitions?)"),
        ("partitions = [\n", "controltower.toml is not TOML"),
        ('partitions = "many"\n', "CONTROLTOWER_PARTITIONS"),
    ],
)
def test_a_wrong_file_is_told(tmp_path: Path, text: str, part: str) -> None:
    """Unknown names and broken syntax in the file are errors as well."""
    (tmp_path / "controltower.toml").write_text(text)
    with pytest.raises(SettingsError, match=r"^.+$") as raised:
        load_settings()
    assert part in str(raised.value)


def test_secrets_are_never_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the settings nor an error about them shows a secret; the client's dictionary has it."""
    monkeypatch.setenv("CONTROLTOWER_KAFKA_SECURITY_PROTOCOL", "SASL_SSL")
    monkeypatch.setenv("CONTROLTOWER_KAFKA_SASL_MECHANISM", "SCRAM-SHA-512")
    monkeypatch.setenv("CONTROLTOWER_KAFKA_SASL_USERNAME", "tower")
    monkeypatch.setenv("CONTROLTOWER_KAFKA_SASL_PASSWORD", "geheim")
    settings = load_settings()
    assert "geheim" not in f"{settings} {settings!r} {settings.model_dump_json()}"
    assert settings.security() == {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "tower",
        "sasl.password": "geheim",
    }
    monkeypatch.setenv("CONTROLTOWER_REDIS_URL", "redis://:geheim@cache")
    with pytest.raises(SettingsError) as raised:
        load_settings()
    assert "CONTROLTOWER_REDIS_PASSWORD" in str(raised.value)
    assert "geheim" not in str(raised.value)


def test_a_sign_in_without_encryption_must_be_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """SASL_PLAINTEXT sends the password in clear: refused by name, unless somebody says that it is meant."""
    monkeypatch.setenv("CONTROLTOWER_KAFKA_SECURITY_PROTOCOL", "SASL_PLAINTEXT")
    monkeypatch.setenv("CONTROLTOWER_KAFKA_SASL_MECHANISM", "SCRAM-SHA-512")
    monkeypatch.setenv("CONTROLTOWER_KAFKA_SASL_USERNAME", "tower")
    monkeypatch.setenv("CONTROLTOWER_KAFKA_SASL_PASSWORD", "geheim")
    with pytest.raises(
        SettingsError, match="use SASL_SSL, or allow it by CONTROLTOWER_KAFKA_SASL_WITHOUT_TLS"
    ):
        load_settings()
    monkeypatch.setenv("CONTROLTOWER_KAFKA_SASL_WITHOUT_TLS", "true")
    assert load_settings().security()["security.protocol"] == "SASL_PLAINTEXT"


def test_limits_follow_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """A limit that is set reaches the streaming edge."""
    monkeypatch.setenv("CONTROLTOWER_SESSION_TIMEOUT_S", "9")
    assert load_settings().limits().session_timeout_s == 9


def test_the_documentation_is_generated() -> None:
    """docs/settings.md has exactly the table of the code, and every setting is described."""
    assert settings_table() in DOCS.read_text(encoding="utf-8")
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []
