"""docs/guarantees.md promises nothing without a test: each row names one, and each one named exists."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "guarantees.md").read_text(encoding="utf-8")
#: A link to a file with the test's whole name as its title.
LINK = re.compile(r'\[[^\]]+\]\(\.\./(tests/[\w/]+\.py) "(tests/[\w/]+\.py)::(test_\w+)"\)')
PROMISES = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith("| promise")]


@cache
def functions_in(path: str) -> frozenset[str]:
    """The test functions of a file."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


def test_there_are_promises() -> None:
    """The page is a table of promises, not prose."""
    assert len(PROMISES) > 30


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise[2:50])
def test_a_promise_is_shown_by_tests_that_exist(promise: str) -> None:
    """Every entry of its second column is a link to a test function in the file that the link opens."""
    _, shown = promise.removesuffix(" |").split(" | ")
    for entry in shown.split("<br>"):
        found = LINK.fullmatch(entry.strip())
        assert found, f"no link to a test: {entry}"
        opened, named, test = found.groups()
        assert opened == named
        assert test in functions_in(named), f"{named} has no {test}"
