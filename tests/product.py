"""The product under test, for the processes that tests start: plain or compiled, as in this one."""

from __future__ import annotations

import os
from pathlib import Path

import controltower

#: Where it was imported from, with the tests beside it: the checkout, or its copy with the compiled wheel.
PRODUCT = Path(controltower.__file__).parents[1]


def product_environment() -> dict[str, str]:
    """Ours, for a process in any folder: what it imports comes from there."""
    return {**os.environ, "PYTHONPATH": str(PRODUCT)}
