"""Reads a playbook file. An error is one line that names the file, the line and the field."""

from __future__ import annotations

from pathlib import Path

from controltower.marked_yaml import read_marked
from controltower.recovery.policy import Playbook

__all__ = ["SHIPPED", "Playbook", "PlaybookError", "load_playbook"]

SHIPPED = Path(__file__).with_name("default_playbook.yaml")


class PlaybookError(Exception):
    """The playbook cannot be used. The message is one line."""


def load_playbook(path: Path | str | None = None) -> Playbook:
    """The playbook at `path`, or the shipped one. Raises PlaybookError."""
    file = Path(path) if path else SHIPPED
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as failed:
        raise PlaybookError(f"{file}: cannot be read: {failed}") from None
    return parse_playbook(text, file.name)


def parse_playbook(text: str, name: str) -> Playbook:
    """The playbook in a YAML text; `name` stands in errors."""
    return read_marked(text, name, Playbook, PlaybookError)
