"""The stages of the demo as child processes, as `controltower worker` runs them; always reaped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from controltower.embedded.ports import find_free_ports
from schemas.topics import STAGES

_STOP_LIMIT_S = 15.0
#: A stage of `controltower worker` on an embedded broker; it ends when our end of its standard input closes.
_WORKER = (sys.executable, "-m", "agents.cli", "worker", "--on-embedded", "--with-parent")


class Stages:
    """All stages, each in a process and a log file of its own. `ports` are those of their metrics."""

    def __init__(self, brokers: str, environment: Mapping[str, str], log_folder: Path) -> None:
        self._brokers = brokers
        self.first_port = find_free_ports(len(STAGES))
        self.ports = range(self.first_port, self.first_port + len(STAGES))
        self._environment = {
            **os.environ,
            **environment,
            "CONTROLTOWER_METRICS_PORT": str(self.first_port),
        }
        self.log_folder = log_folder
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        """Start them all; returns at once."""
        self.log_folder.mkdir(parents=True, exist_ok=True)
        for stage in STAGES:
            with (self.log_folder / f"{stage}.log").open("wb") as log:
                self._children[stage] = self._spawn(stage, log)

    def _spawn(self, stage: str, log: BinaryIO) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*_WORKER, "--brokers", self._brokers, "--stage", stage],
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )

    def find_fault(self) -> str | None:
        """One line about the first stage that ended by itself."""
        for stage, child in self._children.items():
            code = child.poll()
            if code is not None:
                return f"the stage {stage} ended with {code}; see {self.log_folder / f'{stage}.log'}"
        return None

    def stop(self) -> None:
        """Ask all to leave, then end what is still there. Safe to call twice."""
        for child in self._children.values():
            with suppress(ProcessLookupError):
                child.terminate()
        for child in self._children.values():
            try:
                child.wait(_STOP_LIMIT_S)
            except subprocess.TimeoutExpired:
                with suppress(ProcessLookupError):
                    os.killpg(child.pid, signal.SIGKILL)
                child.wait()
        self._children.clear()
