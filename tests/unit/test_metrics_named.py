"""Every count in the code has a name in the table, and every name of the table is counted somewhere."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from controltower.metrics.tallies import TALLIES

ROOT = Path(__file__).parents[2] / "controltower"
#: The package whose fold counts under the name of a stage.
PACKAGES = {
    "normalize": ("feeds", "feedhealth"),
    "assign": ("shipment", "haul", "feedhealth", "areas", "exceptions"),
    "track": ("route", "exceptions"),
    "score": ("risk",),
    "recover": ("recovery",),
    "project": ("readmodel",),
    "deliver": ("sinks",),
}
NAMES = {metric.tally[1] for metric in TALLIES if metric.tally is not None}


def _counted(tree: ast.AST) -> Iterator[str]:
    """The first words of `tallies[...]`, `count(...)` and `_count(commit, ...)`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and _named(node.value) == "tallies":
            yield from _first_word(node.slice)
        elif isinstance(node, ast.Call) and _named(node.func) in ("count", "_count"):
            words = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
            yield from words[:1]


def _named(node: ast.AST) -> str:
    return (
        node.attr.lstrip("_")
        if isinstance(node, ast.Attribute)
        else node.id
        if isinstance(node, ast.Name)
        else ""
    )


def _first_word(node: ast.AST) -> Iterator[str]:
    first = node.elts[0] if isinstance(node, ast.Tuple) and node.elts else node
    if isinstance(first, ast.Constant) and isinstance(first.value, str):
        yield first.value


@pytest.mark.parametrize("stage", PACKAGES)
def test_what_a_stage_counts_is_in_the_table(stage: str) -> None:
    """Each literal name of a count; a name that is missing would be an unnamed tally in production."""
    known = {metric.tally[1] for metric in TALLIES if metric.tally and metric.tally[0] == stage}
    own = PACKAGES[stage][0]
    counted = {
        name
        for path in (ROOT / own).rglob("*.py")
        for name in _counted(ast.parse(path.read_text(encoding="utf-8")))
    }
    assert {name for name in counted if name.isidentifier()} <= known


def test_every_name_of_the_table_is_counted_by_its_stage() -> None:
    """Its name stands as a word in the stage's packages, so that a metric whose code went is found."""
    missing = []
    for metric in TALLIES:
        assert metric.tally is not None
        stage, name = metric.tally
        texts = [
            p.read_text(encoding="utf-8") for part in PACKAGES[stage] for p in (ROOT / part).rglob("*.py")
        ]
        if not any(f'"{name}"' in text for text in texts):
            missing.append(metric.name)
    assert missing == []
