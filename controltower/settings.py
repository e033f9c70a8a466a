"""All settings in one place: from options, the environment, a file, or the defaults; in that order."""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from controltower.streaming.limits import StreamLimits

PREFIX = "CONTROLTOWER_"
CONFIG_VARIABLE = f"{PREFIX}CONFIG"
DEFAULT_FILE = Path("controltower.toml")
EMBEDDED = "embedded"

Seconds = Annotated[float, Field(gt=0, le=86_400)]
_LIMITS = StreamLimits()


class SettingsError(Exception):
    """A setting is wrong. The message is one line: its name, what is wrong, and what would be right."""


class Settings(BaseSettings):
    """One field per setting. The environment variable is CONTROLTOWER_ and the name in capitals."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, extra="forbid", hide_input_in_errors=True, frozen=True
    )

    config: Path | None = Field(None, description="file with settings (TOML, one `name = value` per line)")

    brokers: str = Field(
        "127.0.0.1:9092",
        min_length=1,
        description="Kafka as `host:port[,host:port]`; `embedded` starts an in-memory broker for trying out",
    )
    app_id: str = Field(
        "controltower",
        pattern=r"^[A-Za-z0-9._-]{1,80}$",
        description="names the consumer groups and the transactions; never change it for a running system",
    )
    partitions: int = Field(
        4, ge=1, le=1000, description="partitions of every topic; never change it for a running system"
    )
    replication_factor: int = Field(1, ge=1, le=10, description="copies of each topic; 3 in production")

    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="how the brokers are spoken to"
    )
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = Field(
        None, description="how to sign in where the protocol is SASL_*"
    )
    kafka_sasl_username: SecretStr | None = Field(None, description="name to sign in with")
    kafka_sasl_password: SecretStr | None = Field(None, description="password to sign in with")
    kafka_sasl_without_tls: bool = Field(
        False, description="allows SASL_PLAINTEXT, which sends the sign-in and all data in clear"
    )
    kafka_ssl_ca_location: Path | None = Field(None, description="file with the authority's certificates")
    kafka_ssl_certificate_location: Path | None = Field(None, description="file with our certificate (PEM)")
    kafka_ssl_key_location: Path | None = Field(None, description="file with our private key (PEM)")
    kafka_ssl_key_password: SecretStr | None = Field(None, description="password of the private key")

    redis_url: str = Field(
        "redis://127.0.0.1:6379/0",
        pattern=r"^(rediss?|unix)://",
        description="the read model's Redis, without a password in it; `rediss://` is Redis over TLS",
    )
    redis_username: SecretStr | None = Field(None, description="user of the read model's Redis")
    redis_password: SecretStr | None = Field(None, description="password of the read model's Redis")

    model_dir: Path | None = Field(None, description="folder of a trained delay model; none: the shipped one")
    haul_model_dir: Path | None = Field(
        None, description="folder of a trained line-haul model; none: line hauls are not scored"
    )
    playbook: Path | None = Field(None, description="recovery policy (YAML); none: the shipped one")
    rules: Path | None = Field(
        None, description="thresholds of the rules that detect exceptions (YAML); none: the shipped ones"
    )
    feeds_dir: Path | None = Field(None, description="folder of feed mappings (YAML); none: the shipped ones")

    sinks: Path | None = Field(
        None, description="who is told of exceptions and actions by webhook or e-mail (YAML)"
    )

    rejected_limit: int = Field(
        1000,
        ge=0,
        le=1_000_000,
        description="normalize stops when so many records of a partition are rejected beyond nine per "
        "accepted one, instead of emptying the intake into dead-letters; 0 never stops",
    )

    metrics_host: str = Field(
        "127.0.0.1", min_length=1, description="address that serves /metrics, /healthz and /readyz"
    )
    metrics_port: int = Field(
        9464, ge=0, le=65_000, description="port of the first stage, the next ones count up; 0 serves nothing"
    )
    api_host: str = Field("127.0.0.1", min_length=1, description="address of the read API")
    api_port: int = Field(9480, ge=0, le=65_535, description="port of the read API; 0 takes any free one")
    gateway_host: str = Field("127.0.0.1", min_length=1, description="address of the HTTP gateway")
    gateway_port: int = Field(
        9481, ge=0, le=65_535, description="port of the HTTP gateway; 0 takes any free one"
    )
    gateway_file: Path | None = Field(
        None, description="who may send which feed and plans to the HTTP gateway (YAML)"
    )
    api_open: bool = Field(
        False, description="lets anybody who reaches the read API off loopback read it, without a token"
    )
    api_tokens: Path | None = Field(
        None,
        description="file with the bearer tokens that may read the API, one a line; needed off loopback",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="least level logged")
    log_format: Literal["json", "console"] = Field("json", description="JSON lines or text, on stderr")

    session_timeout_s: Seconds = Field(
        _LIMITS.session_timeout_s, description="a stage silent for this long loses its partitions"
    )
    transaction_timeout_s: Seconds = Field(
        _LIMITS.transaction_timeout_s, description="the broker aborts a transaction open for longer"
    )
    broker_call_s: Seconds = Field(
        _LIMITS.broker_call_s,
        description="a call to the broker may take so long, then the stage restarts",
    )
    topics_wait_s: Seconds = Field(_LIMITS.topics_wait_s, description="wait for missing topics at start")
    stuck_loop_s: Seconds = Field(
        _LIMITS.stuck_loop_s,
        description="a stage whose loop stands still for this long ends itself, and /healthz fails",
    )
    unready_s: Seconds = Field(
        _LIMITS.unready_s, description="a stage without an assignment or progress in restoring ends itself"
    )
    stop_s: Seconds = Field(_LIMITS.stop_s, description="time to finish and leave the group after SIGTERM")
    drain_s: Seconds = Field(_LIMITS.drain_s, description="time to finish what is in flight at a rebalance")
    fetch_wait_ms: int = Field(
        _LIMITS.fetch_wait_ms,
        ge=1,
        le=5_000,
        description="while records keep coming, a fetch gathers for so long",
    )
    poll_records: int = Field(
        _LIMITS.poll_records, ge=1, le=100_000, description="records of one poll, over all partitions"
    )
    polls_in_flight: int = Field(
        _LIMITS.polls_in_flight, ge=1, le=16, description="polls of one partition in work at a time"
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Options first, then the environment, then the file."""
        path = init_settings().get("config") or env_settings().get("config") or DEFAULT_FILE
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, Path(path))

    @field_validator("redis_url")
    @classmethod
    def _no_secret_in_url(cls, value: str) -> str:
        if "@" in value:
            raise ValueError(f"must hold no user or password; use {PREFIX}REDIS_PASSWORD")
        return value

    @model_validator(mode="after")
    def _complete(self) -> Settings:
        if self.kafka_security_protocol == "SASL_PLAINTEXT" and not self.kafka_sasl_without_tls:
            raise ValueError(
                f"{variable_of('kafka_security_protocol')}: SASL_PLAINTEXT sends the password and all data "
                f"in clear; use SASL_SSL, or allow it by {variable_of('kafka_sasl_without_tls')}=true"
            )
        sign_in = ("kafka_sasl_mechanism", "kafka_sasl_username", "kafka_sasl_password")
        for name in sign_in if self.kafka_security_protocol.startswith("SASL") else ():
            if getattr(self, name) is None:
                raise ValueError(f"{variable_of(name)}: is needed with {self.kafka_security_protocol}")
        for name in ("model_dir", "haul_model_dir", "playbook", "rules", "feeds_dir"):
            path: Path | None = getattr(self, name)
            if path is not None and not path.exists():
                raise ValueError(f"{variable_of(name)}: {path} does not exist")
        return self

    def security(self) -> dict[str, str]:
        """Settings for Kafka clients in librdkafka's words, secrets in clear: hand on, never log."""
        if self.kafka_security_protocol == "PLAINTEXT":
            return {}
        named = {
            "security.protocol": self.kafka_security_protocol,
            "sasl.mechanism": self.kafka_sasl_mechanism,
            "sasl.username": _clear(self.kafka_sasl_username),
            "sasl.password": _clear(self.kafka_sasl_password),
            "ssl.ca.location": self.kafka_ssl_ca_location,
            "ssl.certificate.location": self.kafka_ssl_certificate_location,
            "ssl.key.location": self.kafka_ssl_key_location,
            "ssl.key.password": _clear(self.kafka_ssl_key_password),
        }
        return {name: str(value) for name, value in named.items() if value is not None}

    def redis_sign_in(self) -> dict[str, str]:
        """`username` and `password` for a Redis client where they are set: hand on, never log."""
        named = {"username": _clear(self.redis_username), "password": _clear(self.redis_password)}
        return {name: value for name, value in named.items() if value is not None}

    def limits(self) -> StreamLimits:
        """The limits of a stage process."""
        names = [name for name in StreamLimits.__dataclass_fields__ if name in type(self).model_fields]
        return StreamLimits(**{name: getattr(self, name) for name in names})


def _clear(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()


def variable_of(name: str) -> str:
    """The environment variable of a setting."""
    return PREFIX + name.upper()


def load_settings(overrides: Mapping[str, Any] | None = None) -> Settings:
    """Settings from `overrides` (None values are left out), the environment and the file.

    Raises SettingsError for the first thing that is wrong, unknown names included.
    """
    given = {name: value for name, value in (overrides or {}).items() if value is not None}
    _refuse_unknown_variables(os.environ)
    _refuse_unreadable_file(given.get("config") or os.environ.get(CONFIG_VARIABLE))
    try:
        return Settings(**given)
    except ValidationError as wrong:
        raise SettingsError(_one_line(wrong)) from None


def _refuse_unknown_variables(names: Iterable[str]) -> None:
    known = {variable_of(name) for name in Settings.model_fields}
    for name in sorted(names):
        if name.upper().startswith(PREFIX) and name.upper() not in known:
            raise SettingsError(f"{name}: there is no such setting{_did_you_mean(name.upper(), known)}")


def _refuse_unreadable_file(path: str | Path | None) -> None:
    """A named file must exist; the default one may be missing. Either must be TOML."""
    file = Path(path) if path else DEFAULT_FILE
    if not path and not file.exists():
        return
    try:
        tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as failed:
        raise SettingsError(
            f"{CONFIG_VARIABLE}: cannot read {file}: {failed.strerror} (name a TOML file)"
        ) from None
    except ValueError as wrong:
        raise SettingsError(f"{CONFIG_VARIABLE}: {file} is not TOML: {_flat(str(wrong))}") from None


def _did_you_mean(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, sorted(known), n=1)
    return f" (did you mean {near[0]}?)" if near else " (`docs/settings.md` lists all of them)"


def _flat(text: str) -> str:
    return " ".join(text.split())


def _one_line(wrong: ValidationError) -> str:
    first = wrong.errors(include_url=False, include_context=False)[0]
    if not first["loc"]:  # a check over several settings names the one itself
        return _flat(first["msg"]).removeprefix("Value error, ") + "; see docs/settings.md"
    name = str(first["loc"][0])
    if first["type"] == "extra_forbidden":
        return f"{name}: there is no such setting{_did_you_mean(name, Settings.model_fields)}"
    problem = _flat(first["msg"]).removeprefix("Value error, ")
    return f"{variable_of(name)}: {problem[0].lower()}{problem[1:]}{_got(name, first)} ({_hint(name)})"


def _got(name: str, error: Mapping[str, Any]) -> str:
    return "" if _is_secret(name) or name == "redis_url" else f", got {str(error['input'])[:80]!r}"


def _hint(name: str) -> str:
    field = Settings.model_fields[name]
    default = "" if field.default is None else f"; default {field.default}"
    return f"{field.description}{default}"


def _is_secret(name: str) -> bool:
    return "SecretStr" in str(Settings.model_fields[name].annotation)


def settings_table() -> str:
    """Every setting as a Markdown table: variable, default, meaning."""
    rows = ["| variable | default | what it is |", "|--|--|--|"]
    for name, field in Settings.model_fields.items():
        default = "-" if field.default is None else f"`{field.default}`"
        secret = " (secret: never printed)" if _is_secret(name) else ""
        rows.append(f"| `{variable_of(name)}` | {default} | {field.description}{secret} |")
    return "\n".join(rows) + "\n"
