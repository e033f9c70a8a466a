"""docs/guarantees.md promises nothing without a test: each row names one, and each one named exists."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tests.fault.page import faults_page

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "guarantees.md").read_text(encoding="utf-8")
#: A link to a file with the test's whole name as its title.
LINK = re.compile(r'\[[^\]]+\]\(\.\./(tests/[\w/]+\.py) "(tests/[\w/]+\.py)::(\w+)"\)')
PROMISES = [
    line
    for line in PAGE.splitlines()
    if line.startswith("| ") and not line.startswith(("| promise", "| fault |"))
]


@cache
def functions_in(path: str) -> frozenset[str]:
    """The test functions of a file; of one of the fault suite its faults."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    kind = ast.ClassDef if path.startswith("tests/fault/faults/") else ast.FunctionDef
    return frozenset(node.name for node in tree.body if isinstance(node, kind))


def test_there_are_promises() -> None:
    """The page is a table of promises, not prose."""
    assert len(PROMISES) > 30


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise[2:50])
def test_a_promise_is_shown_by_tests_that_exist(promise: str) -> None:
    """Every entry of its second column is a link to a test function in the file that the link opens."""
    shown = promise.removesuffix(" |").split(" | ")[-1]
    for entry in shown.split("<br>"):
        found = LINK.fullmatch(entry.strip())
        assert found, f"no link to a test: {entry}"
        opened, named, test = found.groups()
        assert opened == named
        assert test in functions_in(named), f"{named} has no {test}"


def test_all_faults_of_the_suite_are_on_the_page() -> None:
    """Its table is printed by `python -m tests.fault.page`."""
    assert faults_page() in PAGE
