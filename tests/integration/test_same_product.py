"""The processes that tests start run the product that the tests run on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from controltower.route import fold
from tests.product import PRODUCT, product_environment

_WHERE = "from controltower.route import fold; print(fold.__file__)"


@pytest.mark.parametrize("folder", [None, PRODUCT])
def test_a_child_imports_what_we_import(folder: Path | None, tmp_path: Path) -> None:
    """The same file of a module, compiled or not, from any folder and from that of a tower."""
    done = subprocess.run(
        [sys.executable, "-c", _WHERE],
        cwd=folder or tmp_path,
        env=product_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == fold.__file__
    assert Path(fold.__file__).is_relative_to(PRODUCT)
