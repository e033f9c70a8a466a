"""Secrets of sinks, from files or environment variables; errors name the place, never the content."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from controltower.settings import SettingsError


def read_secrets(files: Iterable[Path], variables: Iterable[str], folder: Path, least: int) -> list[str]:
    """One secret per file or variable; paths are relative to `folder`. Raises SettingsError."""
    secrets = [(f"the secret {file}", _read(folder / file)) for file in files]
    secrets += [(f"the variable {name}", os.environ.get(name, "")) for name in variables]
    for where, secret in secrets:
        if len(secret) < least:
            raise SettingsError(
                f"CONTROLTOWER_SINKS: {where} is missing or has fewer than {least} characters "
                "(make one with: openssl rand -base64 32)"
            )
    return [secret for _, secret in secrets]


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise SettingsError(f"CONTROLTOWER_SINKS: the secret {file} cannot be read") from None
