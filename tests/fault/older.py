"""The version before this one, out of the repository's history: `git archive` into a folder."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path

#: The repository itself, also in a copy with links to it, as tests.bench.compiled makes.
_ROOT = Path(__file__).resolve().parents[2]
#: The last state of the repository from which a change to the present one is tried.
VERSION_BEFORE = "b99b41a"
#: Stages that read more topics since.
WITH_NEW_INPUTS = ("project",)


class NoHistory(Exception):
    """This copy of the repository has no history, or not far enough; one line."""


def unpack_version_before(folder: Path) -> Path:
    """Its tree, in `folder`; raises NoHistory."""
    command = ["git", "-C", str(_ROOT), "archive", VERSION_BEFORE]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        raise NoHistory(f"no commit {VERSION_BEFORE} here: {done.stderr.decode(errors='replace').strip()}")
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as tree:
        tree.extractall(folder, filter="data")
    return folder
