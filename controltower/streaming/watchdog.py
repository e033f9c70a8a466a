"""A thread that ends a process which is alive but does nothing any more."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Watchdog(threading.Thread):
    """Counts its own seconds, not the clock's: a process that was stopped and continued is not stuck.

    `beat()` comes from the event loop about once a second; `find_fault()` tells of what else is stuck.
    `end(message)` is called from this thread and must not need the event loop.
    """

    def __init__(
        self, stuck_s: float, find_fault: Callable[[], str | None], end: Callable[[str], None]
    ) -> None:
        super().__init__(name="watchdog", daemon=True)
        self._stuck_s = stuck_s
        self._find_fault = find_fault
        self._end = end
        self._stopped = threading.Event()
        self._silent_s = 0
        self._faulty_s = 0

    def beat(self) -> None:
        self._silent_s = 0

    def stop(self) -> None:
        self._stopped.set()

    def run(self) -> None:
        while not self._stopped.wait(1.0):
            fault = self.second()
            if fault is not None:
                self._end(fault)
                return

    def second(self) -> str | None:
        """One second has passed; the reason to end the process, if there is one.

        Faults must be seen twice: right after SIGCONT every clock looks old.
        """
        self._silent_s += 1
        if self._silent_s > self._stuck_s:
            return f"the event loop has been stuck for {self._silent_s} s"
        fault = self._find_fault()
        self._faulty_s = self._faulty_s + 1 if fault else 0
        return fault if self._faulty_s >= 2 else None
