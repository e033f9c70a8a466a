"""YAML files that people write, checked against a model. An error is one line with file, line and field."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import yaml
from pydantic import BaseModel, ValidationError

Checked = TypeVar("Checked", bound=BaseModel)


def read_marked(text: str, name: str, model: type[Checked], error: type[Exception]) -> Checked:
    """The text as an instance of the model. Raises `error` with one line; `name` stands in it."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        content = yaml.safe_load(text)
    except yaml.MarkedYAMLError as wrong:
        line = wrong.problem_mark.line + 1 if wrong.problem_mark else 1
        raise error(f"{name} line {line}: {wrong.problem or 'no YAML'}") from None
    except yaml.YAMLError as wrong:
        raise error(f"{name}: {' '.join(str(wrong).split())}") from None
    try:
        return model.model_validate(content)
    except ValidationError as wrong:
        first = wrong.errors(include_url=False)[0]
        problem = first["msg"].removeprefix("Value error, ")
        line = _line_of(root, first["loc"])
        raise error(f"{name} line {line}, {_shown(first['loc'])}: {problem}") from None


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
