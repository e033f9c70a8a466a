"""Who may send what, from a YAML file; the secrets stand in files of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from controltower.feeds.paths import Paths, compile_paths
from controltower.settings import SettingsError

_VARIABLE = "CONTROLTOWER_GATEWAY_FILE"
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Access(_Part):
    """One kind of proof. Each file holds one secret; a second one is for the time of a rotation."""

    hmac: tuple[Path, ...] = Field(default=(), max_length=2, description="standard-webhooks secrets")
    bearer: tuple[Path, ...] = Field(default=(), max_length=2, description="bearer tokens")

    @model_validator(mode="after")
    def _one_kind(self) -> Access:
        if bool(self.hmac) == bool(self.bearer):
            raise ValueError("either hmac or bearer with one or two files is needed")
        return self


class FeedAccess(Access):
    """One feed. `key`: paths to what keeps an event's order, such as its vehicle; the feed's name else."""

    key: Paths | None = None
    events_per_s: float = Field(default=200.0, gt=0, le=100_000)
    burst: int = Field(default=10_000, ge=1, le=1_000_000)
    largest_event_bytes: int = Field(default=1 << 20, ge=1, le=1 << 20)
    largest_request_bytes: int = Field(default=8 << 20, ge=1, le=64 << 20)
    most_events: int = Field(default=5000, ge=1, le=50_000)
    #: False: a JSON array is one event of this feed, as it came
    split: bool = True

    @model_validator(mode="after")
    def _key_is_a_path(self) -> FeedAccess:
        if self.key is not None:
            compile_paths(self.key)
        if self.burst < self.most_events:
            raise ValueError("burst is below most_events: a full request would never pass")
        return self


class GatewayFile(_Part):
    """The whole file."""

    feeds: dict[Name, FeedAccess] = Field(default_factory=dict)
    planners: dict[Name, Access] = Field(default_factory=dict)


def read_gateway_file(path: Path | None) -> GatewayFile:
    """Paths of secrets are relative to the file. Raises SettingsError."""
    if path is None:
        raise SettingsError(f"{_VARIABLE}: is needed: it says who may send what (docs/gateway.md)")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as wrong:
        raise SettingsError(f"{_VARIABLE}: {path} cannot be read: {type(wrong).__name__}") from None
    try:
        return GatewayFile.model_validate(content or {})
    except ValidationError as wrong:
        error = wrong.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in error["loc"])
        raise SettingsError(f"{_VARIABLE}: {path}: {where}: {error['msg']}") from None


def read_secrets(files: tuple[Path, ...], folder: Path, least_length: int) -> list[str]:
    """One secret per file. Raises SettingsError, which names the file and never its content."""
    secrets = []
    for file in files:
        try:
            secret = (folder / file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            raise SettingsError(f"{_VARIABLE}: the secret {file} cannot be read") from None
        if len(secret) < least_length:
            raise SettingsError(
                f"{_VARIABLE}: the secret {file} has fewer than {least_length} characters "
                "(make one with: openssl rand -base64 32)"
            )
        secrets.append(secret)
    return secrets
