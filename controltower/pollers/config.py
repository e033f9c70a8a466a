"""What is polled, from a YAML file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from controltower.settings import SettingsError

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")]


class PolledSource(BaseModel):
    """One address. `headers_file`: a file with `Name: value` lines, for keys that must not stand here."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str = Field(pattern=r"^https?://[^\s@]+$", max_length=2000)
    feed: Name
    kind: Literal["gtfs-rt", "any"] = "any"
    every_s: float = Field(default=30.0, ge=1, le=86_400)
    timeout_s: float = Field(default=20.0, gt=0, le=300)
    attempts: int = Field(default=4, ge=1, le=20)
    largest_bytes: int = Field(default=16 << 20, ge=1, le=256 << 20)
    headers_file: Path | None = None


class PollFile(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sources: dict[Name, PolledSource] = Field(min_length=1)


def read_poll_file(path: Path) -> PollFile:
    """Raises SettingsError, one line that names the field."""
    try:
        return PollFile.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as wrong:
        raise SettingsError(f"{path} cannot be read: {type(wrong).__name__}") from None
    except ValidationError as wrong:
        error = wrong.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in error["loc"]) or "the file"
        raise SettingsError(f"{path}: {where}: {error['msg']}") from None


def read_headers(path: Path | None) -> dict[str, str]:
    """Raises SettingsError, which names the file and never its content."""
    if path is None:
        return {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise SettingsError(f"the headers {path} cannot be read") from None
    pairs = [line.split(":", 1) for line in lines if line.strip()]
    if any(len(pair) != 2 for pair in pairs):
        raise SettingsError(f"the headers {path} are not lines of `Name: value`")
    return {name.strip(): value.strip() for name, value in pairs}
