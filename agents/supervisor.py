"""Keeps child processes running: starts them, starts them again after passing faults, ends them together."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from controltower.streaming.exits import Exit

_SHORTEST_WAIT_S = 0.5
_LONGEST_WAIT_S = 30.0
#: A child that lived for so long starts again at once when it ends.
_STEADY_S = 15.0
_LOOK_EVERY_S = 0.1
#: Beyond the time that a child takes to leave by itself.
_GRACE_S = 4.0


def needs_person(code: int) -> bool:
    """Whether a restart would only meet the same fault again."""
    return code in (Exit.SETTINGS, Exit.PERSON, 70)


def next_wait_s(wait_s: float, lived_s: float) -> float:
    """How long to wait before the next start: doubled each time, from the shortest after a steady life."""
    if lived_s >= _STEADY_S:
        return _SHORTEST_WAIT_S
    return min(_LONGEST_WAIT_S, max(_SHORTEST_WAIT_S, 2 * wait_s))


@dataclass(slots=True)
class _Child:
    name: str
    command: Sequence[str]
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    start_at: float = 0.0
    wait_s: float = 0.0


class Supervisor:
    """One child per name. `run` returns the exit code of the whole."""

    def __init__(self, commands: Mapping[str, Sequence[str]], stop_s: float) -> None:
        self._children = [_Child(name, command) for name, command in commands.items()]
        self._stop_s = stop_s
        self._stopping = threading.Event()

    def run(self) -> int:
        """Until SIGTERM or SIGINT (0), or until a child needs a person (its code). In the main thread."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stopping.set())
        code = 0
        try:
            while not self._stopping.wait(_LOOK_EVERY_S):
                code = self._look_after_all()
                if code:
                    break
        finally:
            self._end_all()
        return code

    def _look_after_all(self) -> int:
        """Start what is due and take note of what ended; the code of a child that needs a person, or 0."""
        now = time.monotonic()
        for child in self._children:
            if child.process is None:
                if now >= child.start_at:
                    self._start(child, now)
                continue
            code = child.process.poll()
            if code is None:
                continue
            if needs_person(code):
                _tell(f"{child.name} ended with code {code} and needs a person; stopping the others")
                return code
            self._plan_restart(child, code, now)
        return 0

    def _start(self, child: _Child, now: float) -> None:
        child.process = subprocess.Popen(child.command, stdin=subprocess.PIPE)
        child.started_at = now
        _tell(f"{child.name} started (pid {child.process.pid})")

    def _plan_restart(self, child: _Child, code: int, now: float) -> None:
        child.wait_s = next_wait_s(child.wait_s, now - child.started_at)
        child.process, child.start_at = None, now + child.wait_s
        ended = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
        _tell(f"{child.name} {ended}; starting it again in {child.wait_s:g} s")

    def _end_all(self) -> None:
        running = [child.process for child in self._children if child.process is not None]
        for process in running:
            if process.poll() is None:
                process.terminate()
        deadline = time.monotonic() + self._stop_s + _GRACE_S
        for process in running:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        _tell("all stages ended")


def _tell(text: str) -> None:
    print(f"worker: {text}", file=sys.stderr, flush=True)
