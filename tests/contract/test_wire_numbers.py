"""A record has the same bytes whether its message was made just now or read back from a changelog."""

from __future__ import annotations

import inspect

import msgspec
import pytest

from controltower.recovery.playbook import load_playbook
from schemas import wire

STRUCTS = [
    struct for _, struct in inspect.getmembers(wire, inspect.isclass) if issubclass(struct, msgspec.Struct)
]


@pytest.mark.parametrize("struct", STRUCTS, ids=lambda struct: struct.__name__)
def test_a_float_is_never_an_int_by_default(struct: type[msgspec.Struct]) -> None:
    """0 is written as `0`, and as `0.0` once it was read back: the same poll would give other bytes."""
    for field in msgspec.inspect.type_info(struct).fields:  # type: ignore[union-attr]
        if isinstance(field.type, msgspec.inspect.FloatType):
            assert field.default is msgspec.NODEFAULT or isinstance(field.default, float), field.name


def test_the_costs_of_the_shipped_playbook_are_floats() -> None:
    """What an action takes over from its step is of the type that it has after a restore."""
    steps = [step for rule in load_playbook().rules.values() for step in rule.steps]
    assert {type(step.cost) for step in steps} == {float}
    assert {type(step.expected_gain_s) for step in steps} == {float}
