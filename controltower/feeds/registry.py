"""The feeds we can read: the mapping files shipped with the package, and those of a user's own folder."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from controltower.feeds.mapper import Mapping, PayloadReader, compile_mapping, compile_reader
from controltower.feeds.spec import MappingSpec
from schemas.wire import Scan, Source

SHIPPED = Path(__file__).with_name("mappings")

Loc = tuple[str | int, ...]
#: libyaml where it is built in: a dozen tables are read in milliseconds.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class MappingError(ValueError):
    """A mapping file cannot be used; one line that names file, line and key."""


@dataclass(slots=True, frozen=True)
class Feed:
    """One feed: `read` gives the scans of a payload or raises Rejected, `read_all` also what it lacks."""

    name: str
    carrier: str
    tenant: str
    spec: MappingSpec
    mapping: Mapping
    read_all: PayloadReader

    def knows(self, said: str) -> bool:
        """Whether the mapping's tables of codes or texts know what the carrier says."""
        return self.mapping.knows(said)

    def read(
        self, value: bytes | None, received_at: datetime, source: Source, key: bytes | None = None
    ) -> list[Scan]:
        return self.read_all(value, received_at, source, key).scans


def load_feeds(extra_dir: Path | None = None) -> dict[str, Feed]:
    """All feeds by name; a file in `extra_dir` replaces the shipped feed of the same name.

    Raises MappingError for a file that cannot be used or a folder that is not there.
    """
    feeds: dict[str, Feed] = {}
    for directory in [SHIPPED, extra_dir] if extra_dir else [SHIPPED]:
        if not directory.is_dir():
            raise MappingError(f"{directory}: the folder of feed mappings does not exist")
        here: dict[str, Path] = {}
        for path in sorted(directory.glob("*.yaml")):
            feed = load_feed(path)
            if feed.name in here:
                raise MappingError(f"{path}: feed: {feed.name} is already in {here[feed.name].name}")
            here[feed.name] = path
            feeds[feed.name] = feed
    return feeds


def load_feed(path: Path) -> Feed:
    """The feed of one mapping file. Raises MappingError."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as wrong:
        raise MappingError(f"{path}: {type(wrong).__name__}, the file cannot be read as YAML") from None
    return make_feed(parse_mapping(text, str(path)))


def make_feed(spec: MappingSpec, version: int = 0) -> Feed:
    """A feed of its mapping; `version` 0 is that of the file, higher ones stand in the log."""
    mapping = compile_mapping(spec, version)
    return Feed(spec.feed, spec.carrier, spec.tenant, spec, mapping, compile_reader(mapping))


def parse_mapping(text: str, path: str) -> MappingSpec:
    """What a mapping file says; `path` is named in errors. Raises MappingError."""
    lines: dict[Loc, int] = {}
    try:
        root = _compose(text)
        content = _to_python(root, (), lines, path) if root else None
    except yaml.MarkedYAMLError as wrong:
        line = wrong.problem_mark.line + 1 if wrong.problem_mark else 1
        raise MappingError(f"{path}:{line}: {wrong.problem}") from None
    except (yaml.YAMLError, RecursionError) as wrong:
        raise MappingError(f"{path}: {type(wrong).__name__}, the file cannot be read as YAML") from None
    try:
        return MappingSpec.model_validate(content)
    except ValidationError as wrong:
        raise MappingError(_first_error(wrong, lines, path)) from None


def _compose(text: str) -> yaml.Node | None:
    """By libyaml where it is built in; what is wrong is told better by the loader in Python."""
    try:
        return yaml.compose(text, Loader=_Loader)
    except yaml.YAMLError:
        return yaml.compose(text, Loader=yaml.SafeLoader)


def _to_python(node: yaml.Node, loc: Loc, lines: dict[Loc, int], path: str) -> Any:
    """The node as Python values, noting each key's line. Keys stay as written: `08` and `NO` are codes."""
    lines.setdefault(loc, node.start_mark.line + 1)
    if isinstance(node, yaml.SequenceNode):
        return [_to_python(member, (*loc, index), lines, path) for index, member in enumerate(node.value)]
    if not isinstance(node, yaml.MappingNode):
        return _read_scalar(node)
    content: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key, line = str(key_node.value), key_node.start_mark.line + 1
        if key in content:
            raise MappingError(f"{path}:{line}: {_dotted((*loc, key))}: stands here twice")
        lines[(*loc, key)] = line
        content[key] = _to_python(value_node, (*loc, key), lines, path)
    return content


def _read_scalar(node: yaml.Node) -> Any:
    """`no` and `on` are words, `01` is a code and 2026-03-02 a text: no quotes are needed."""
    text = str(node.value)
    if node.tag == "tag:yaml.org,2002:bool":
        return text.lower() == "true" if text.lower() in ("true", "false") else text
    if node.tag == "tag:yaml.org,2002:int":
        return int(text) if re.fullmatch(r"[-+]?(0|[1-9]\d*)", text) else text
    if node.tag in ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:float"):
        return text
    return yaml.SafeLoader("").construct_object(node)


def _first_error(wrong: ValidationError, lines: dict[Loc, int], path: str) -> str:
    error = wrong.errors(include_url=False)[0]
    known: Loc = ()
    for part in error["loc"]:  # parts that name a type of a union stand in no file
        known = (*known, part) if (*known, part) in lines else known
    message = error["msg"].removeprefix("Value error, ")
    return f"{path}:{lines.get(known, 1)}: {_dotted(known) or 'mapping'}: {message}" + _missing(error)


def _missing(error: Any) -> str:
    return f" ({_dotted(error['loc'])})" if error["type"] == "missing" else ""


def _dotted(loc: Loc) -> str:
    return ".".join(str(part) for part in loc)
