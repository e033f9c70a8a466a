"""What the tests of deploy/ share: where things are, and when a missing tool is a failure."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"


def read_yaml(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def read_compose() -> dict[str, Any]:
    found: dict[str, Any] = read_yaml(ROOT / "docker-compose.yml")
    return found


def need_tool(name: str) -> str:
    """The tool's path; without it the test skips with the reason, in CI (CI=true) it fails."""
    path = shutil.which(name)
    if path is None:
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI needs {name} on the PATH")
        pytest.skip(f"{name} is not on the PATH")
    return path
