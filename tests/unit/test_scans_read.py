"""What the fold of the routes reads of a scan is what the wire says, by the same names and types."""

from __future__ import annotations

import typing

import msgspec
import pytest

from controltower.route import events
from schemas import wire


@pytest.mark.parametrize(
    ("part", "whole"),
    [(events.Scan, wire.Scan), (events.Place, wire.Place), (events.Source, wire.Source)],
)
def test_a_part_has_no_field_of_its_own(part: type[msgspec.Struct], whole: type[msgspec.Struct]) -> None:
    """Same types and defaults; a nested part stands for its whole."""
    stands_for = {events.Place: wire.Place, events.Source: wire.Source}
    full = {field.name: field for field in msgspec.structs.fields(whole)}
    for field in msgspec.structs.fields(part):
        same = full[field.name]
        nested = typing.get_args(field.type) or (field.type,)
        meant = tuple(stands_for.get(each, each) for each in nested)
        assert meant == (typing.get_args(same.type) or (same.type,))
        assert field.default == same.default


def test_a_scan_is_told_from_other_records_by_the_same_tag() -> None:
    """Else a scan would be unreadable."""
    assert events.Scan.__struct_config__.tag == wire.Scan.__struct_config__.tag
