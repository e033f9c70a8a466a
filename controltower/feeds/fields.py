"""How a mapping finds the value of a field: paths, or a rule of paths and what to take out."""

from __future__ import annotations

import re
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from controltower.feeds.paths import (
    Chain,
    CompilePath,
    Getter,
    Paths,
    compile_path,
    compile_paths,
    show_paths,
)
from controltower.feeds.values import LONGEST_RAW, read_identifier


class FieldRule(BaseModel):
    """`join` takes all values that are there; `match` and `split` look into the value."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)
    path: Paths | None = None
    join: tuple[Paths, ...] | None = Field(default=None, min_length=1)
    between: str = Field(default=", ", alias="with", description="what stands between joined values")
    match: str | None = Field(
        default=None, description="regular expression; its first group, else what it matches, is the value"
    )
    split: str | None = Field(default=None, min_length=1, description="text that separates several values")

    @field_validator("path", "join")
    @classmethod
    def _are_paths(cls, paths: Any) -> Any:
        for path in paths if isinstance(paths, tuple) else (paths,):
            compile_paths(path)
        return paths

    @field_validator("match")
    @classmethod
    def _is_expression(cls, match: str | None) -> str | None:
        try:
            re.compile(match or "")
        except re.error as wrong:
            raise ValueError(f"no regular expression: {wrong}") from None
        return match

    @model_validator(mode="after")
    def _one_source(self) -> FieldRule:
        if (self.path is None) == (self.join is None):
            raise ValueError("one of path and join is needed")
        return self


FieldSource = FieldRule | Paths


def show_field(source: FieldSource) -> str:
    """A field as a rejection's detail names it."""
    if isinstance(source, FieldRule):
        return show_paths(source.path) if source.path else " and ".join(map(show_paths, source.join or ()))
    return show_paths(source)


def compile_field(source: FieldSource, compile_one: CompilePath = compile_path) -> Getter:
    """The function that finds the value of a field. Raises ValueError for a wrong path."""
    if not isinstance(source, FieldRule):
        return compile_paths(source, compile_one)
    shown = show_field(source)
    if source.path is None:
        find = _compile_join(source, shown, compile_one)
    else:
        find = compile_paths(source.path, compile_one)
    if source.match is not None:
        find = _taken_out(find, re.compile(source.match), shown)
    return _split(find, source.split) if source.split else find


def _compile_join(rule: FieldRule, shown: str, compile_one: CompilePath) -> Getter:
    finders = [compile_paths(paths, compile_one) for paths in rule.join or ()]

    def join(chain: Chain) -> str | None:
        values = (read_identifier(value, shown) for find in finders if (value := find(chain)) is not None)
        return rule.between.join(value for value in values if value) or None

    return join


def _taken_out(find: Getter, expression: re.Pattern[str], shown: str) -> Getter:
    def take_out(chain: Chain) -> str | None:
        value = find(chain)
        if value is None:
            return None
        text = value[: LONGEST_RAW * 10] if type(value) is str else read_identifier(value, shown) or ""
        found = expression.search(text)
        return (found[1] if expression.groups else found[0]) if found else None

    return take_out


def _split(find: Getter, separator: str) -> Getter:
    def split(chain: Chain) -> Any:
        value = find(chain)
        return [part.strip() for part in value.split(separator)] if type(value) is str else value

    return split


def as_number(find: Getter) -> Getter:
    """Numbers that are written as text become numbers; what is none stays as it is, to be refused."""

    def find_number(chain: Chain) -> Any:
        value = find(chain)
        if type(value) is str:
            try:
                return float(value.replace(",", ".", 1))
            except ValueError:
                return value
        return value

    return find_number


def as_integer(find: Getter) -> Getter:
    """The same for whole numbers."""

    def find_integer(chain: Chain) -> Any:
        value = find(chain)
        return int(value) if type(value) is str and value.isascii() and value.isdigit() else value

    return find_integer
