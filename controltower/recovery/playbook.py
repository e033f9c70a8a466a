"""Reads a playbook file. An error is one line that names the file, the line and the field."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import yaml
from pydantic import ValidationError

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
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        content = yaml.safe_load(text)
    except yaml.MarkedYAMLError as wrong:
        line = wrong.problem_mark.line + 1 if wrong.problem_mark else 1
        raise PlaybookError(f"{name} line {line}: {wrong.problem or 'no YAML'}") from None
    except yaml.YAMLError as wrong:
        raise PlaybookError(f"{name}: {' '.join(str(wrong).split())}") from None
    try:
        return Playbook.model_validate(content)
    except ValidationError as wrong:
        first = wrong.errors(include_url=False)[0]
        problem = first["msg"].removeprefix("Value error, ")
        line = _line_of(root, first["loc"])
        raise PlaybookError(f"{name} line {line}, {_shown(first['loc'])}: {problem}") from None


def _shown(location: Sequence[str | int]) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return text.removesuffix(".[key]").lstrip(".") or "the whole file"


def _line_of(root: yaml.Node | None, location: Sequence[str | int]) -> int:
    """The line of the field; where it is missing, of what should hold it."""
    node, line = root, 1
    for part in location:
        if isinstance(node, yaml.MappingNode):
            pairs = {key.value: (key, value) for key, value in node.value}
            if part not in pairs:
                break
            key, node = pairs[part]
            line = key.start_mark.line + 1
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
    return line
