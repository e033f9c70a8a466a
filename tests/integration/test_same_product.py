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


def test_a_copy_stands_for_itself(tmp_path: Path) -> None:
    """Tests that run on a copy, though its folders are links to a checkout, start that copy's product."""
    for name in ("agents", "controltower", "schemas", "tests"):
        (tmp_path / name).symlink_to(PRODUCT / name)
    told = "from tests.product import product_environment; print(product_environment()['PYTHONPATH'])"
    command = [sys.executable, "-c", told]
    ours = {**product_environment(), "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, cwd=tmp_path, env=ours, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(tmp_path)
