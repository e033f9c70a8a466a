"""The faults as a table of docs/guarantees.md: python -m tests.fault.page."""

from __future__ import annotations

import inspect
from pathlib import Path

from tests.fault.faults import list_faults
from tests.fault.suite import Scenario

_ROOT = Path(__file__).parents[2]


def faults_page() -> str:
    """One row per fault in the order of the suite: its name, what its docstring says, where it stands."""
    head = "| fault | what is done, and what must hold besides | shown by |\n|--|--|--|\n"
    return head + "".join(_row(fault) for fault in list_faults(short=False))


def _row(fault: Scenario) -> str:
    kind = type(fault)
    path = Path(inspect.getfile(kind)).relative_to(_ROOT).as_posix()
    said = " ".join((kind.__doc__ or "").split())
    return f'| {fault.name} | {said} | [{kind.__name__}](../{path} "{path}::{kind.__name__}") |\n'


if __name__ == "__main__":
    print(faults_page(), end="")
