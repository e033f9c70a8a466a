#!/usr/bin/env python3
"""Run the steps of the Dockerfile without Docker, in a scratch directory, and use what comes out.

    deploy/docker/check.py [CONTEXT]

Reads the Dockerfile itself: WORKDIR, ARG, ENV, COPY and RUN of the build stage are carried out as they stand,
with /opt and /build moved below a scratch directory; of the final stage, the files are copied and the product
is called as the image would call it. Needs Python 3.11, a C compiler (or COMPILED=0) and a package index.

What this never runs: the base image, `apt-get` of both stages and `useradd` of the final one, the read-only
root, the dropped capabilities. The image itself has never been built where this was written: no Docker there.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

DOCKERFILE = "deploy/docker/Dockerfile"
#: Steps that belong to the system, not to the product.
SYSTEM = ("apt-get", "groupadd", "useradd")
SMOKE = (
    "controltower --help",
    "controltower topics docs",
    "python -c 'import confluent_kafka, faust, lightgbm'",
    "test $COMPILED = 0 || python -c 'import controltower.route.path as p; p.__file__.index(\".so\")'",
    "python -c 'from controltower.feeds.registry import load_feeds; assert load_feeds(None)'",
    "python -c 'from controltower.recovery.playbook import load_playbook; load_playbook(None)'",
    "python -c 'from controltower.risk.scorer import load_scorer as l; assert l().source.name == \"MODEL\"'",
    "test -x $(command -v hold-stage) -a -x $(command -v check-stage)",
)


def instructions(text: str) -> Iterator[tuple[str, str]]:
    """(name, arguments) of each instruction, continuation lines joined, comments left out."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        name, _, arguments = line.strip().partition(" ")
        yield name, arguments


class Steps:
    """Carries instructions out below `root`."""

    def __init__(self, context: Path, root: Path) -> None:
        self._context, self._root = context, root
        self._cwd = root
        self._env = {
            name: value for name, value in os.environ.items() if not name.startswith("CONTROLTOWER_")
        }

    def do(self, name: str, arguments: str) -> None:
        """One instruction; raises CalledProcessError where a command fails."""
        if name == "WORKDIR":
            self._cwd = self._below(arguments)
            self._cwd.mkdir(parents=True, exist_ok=True)
        elif name == "ENV":
            for pair in shlex.split(arguments):
                variable, _, value = pair.partition("=")
                self._env[variable] = self._moved(value).replace("$PATH", self._env["PATH"])
        elif name == "ARG":
            variable, _, value = arguments.partition("=")
            self._env.setdefault(variable, value)
        elif name == "COPY":
            self._copy([word for word in arguments.split() if not word.startswith("--chmod")])
        elif name == "RUN" and not any(word in arguments for word in SYSTEM):
            self.run(arguments)

    def run(self, command: str) -> None:
        print(f"+ {command}", flush=True)
        subprocess.run(["sh", "-euc", self._moved(command)], cwd=self._cwd, env=self._env, check=True)

    def _copy(self, words: list[str]) -> None:
        if words[0].startswith("--from="):
            return  # the stages share the scratch directory
        *sources, target = words
        into = self._below(target) if target.startswith("/") else self._cwd / target
        for source in sources:
            origin = self._context / source
            if origin.is_dir():
                shutil.copytree(origin, into, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(origin, into)

    def _below(self, path: str) -> Path:
        return self._root / path.lstrip("/")

    def _moved(self, text: str) -> str:
        return text.replace("/opt/", f"{self._root}/opt/")


def main(context: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="controltower-image-") as scratch:
        steps = Steps(context, Path(scratch))
        (Path(scratch) / "opt").mkdir()
        for name, arguments in instructions((context / DOCKERFILE).read_text()):
            steps.do(name, arguments)
        for command in SMOKE:
            steps.run(f"{command} > /dev/null")
    print("every step of the Dockerfile that needs no Docker was carried out")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve())
