"""Conditions of a mapping: which payloads say nothing, and which entries of a list are no events."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from controltower.feeds.events import Walk, compile_events
from controltower.feeds.paths import Chain, Paths, compile_paths
from controltower.feeds.rejection import Rejected
from controltower.feeds.values import read_identifier
from schemas.vocabulary import Nothing


class Condition(BaseModel):
    """One test of a value; null among `values` means an absent field. All tests that are given must hold."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    field: Paths
    values: tuple[str | bool | int | None, ...] | None = Field(default=None, min_length=1)
    exists: bool | None = None
    matches: str | None = Field(default=None, description="regular expression, found somewhere, any case")

    @field_validator("field")
    @classmethod
    def _is_path(cls, field: Paths) -> Paths:
        compile_paths(field)
        return field

    @field_validator("matches")
    @classmethod
    def _is_expression(cls, matches: str | None) -> str | None:
        try:
            re.compile(matches or "")
        except re.error as wrong:
            raise ValueError(f"no regular expression: {wrong}") from None
        return matches

    @model_validator(mode="after")
    def _says_something(self) -> Condition:
        if self.values is None and self.exists is None and self.matches is None:
            raise ValueError("one of values, exists and matches is needed")
        return self


class NothingSpec(Condition):
    """How the carrier says that it has nothing to tell, about the payload or about each member of `at`."""

    name: Nothing = Nothing.NOTHING_NEW
    at: str | None = Field(default=None, description="list whose members say it, as in `events`")
    shipment: Paths | None = Field(default=None, description="path of the shipment it is said of")

    @field_validator("at")
    @classmethod
    def _is_list(cls, at: str | None) -> str | None:
        compile_events(at)
        return at


#: A path of the payload to whether the condition holds there.
Test = Callable[[Chain], bool]


def compile_condition(condition: Condition) -> Test:
    """The test of one condition."""
    find = compile_paths(condition.field)
    values = None if condition.values is None else {_as_said(value) for value in condition.values}
    search = re.compile(condition.matches, re.IGNORECASE).search if condition.matches is not None else None
    exists = condition.exists

    def test(chain: Chain) -> bool:
        value = find(chain)
        if isinstance(value, list):
            return exists is not False and any(holds(member) for member in value)
        return holds(value)

    def holds(value: Any) -> bool:
        if exists is not None and (value is not None) is not exists:
            return False
        if values is not None and _as_said(value) not in values:
            return False
        return search is None or (type(value) in (str, int) and search(str(value)) is not None)

    return test


def _as_said(value: Any) -> str | None:
    """null, text, whole numbers and truth values as text, so that 0 and "0" are the same."""
    if type(value) is bool:
        return "true" if value else "false"
    return None if value is None else str(value) if type(value) in (str, int) else f"{type(value)}"


def compile_any(conditions: Sequence[Condition]) -> Test | None:
    """Whether one of the conditions holds; None where there are none."""
    tests = [compile_condition(condition) for condition in conditions]
    if not tests:
        return None
    return tests[0] if len(tests) == 1 else lambda chain: any(test(chain) for test in tests)


def compile_nothings(
    specs: Sequence[NothingSpec],
) -> Callable[[Chain], tuple[bool, list[tuple[Nothing, str | None]]]]:
    """A function: whether the payload as a whole says nothing, and all that is said so.

    A payload that is a list, or an `at` that is not there, says nothing of the kind. Of several conditions
    with the same `at` the first that holds for a member counts.
    """
    tests = [
        (
            spec.name,
            spec.at,
            compile_events(spec.at) if spec.at else None,
            compile_condition(spec),
            _shipment(spec),
        )
        for spec in specs
    ]

    def find(root: Chain) -> tuple[bool, list[tuple[Nothing, str | None]]]:
        found: list[tuple[Nothing, str | None]] = []
        members: dict[str, list[Chain]] = {}
        told: set[int] = set()
        for name, at, walk, test, shipment in tests:
            if walk is None or at is None:
                if type(root[0]) is dict and test(root):
                    return True, [(name, shipment(root))]
                continue
            if at not in members:
                members[at] = _walk(walk, root)
            for chain in members[at]:
                if id(chain) not in told and test(chain):
                    told.add(id(chain))
                    found.append((name, shipment(chain)))
        return False, found

    return find


def _walk(walk: Walk, root: Chain) -> list[Chain]:
    try:
        return list(walk(root))
    except Rejected:
        return []


def _shipment(spec: NothingSpec) -> Callable[[Chain], str | None]:
    if spec.shipment is None:
        return lambda chain: None
    find = compile_paths(spec.shipment)
    return lambda chain: read_identifier(find(chain), "shipment")
