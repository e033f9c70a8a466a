"""A thread that ends a process which is alive but does nothing any more."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

#: A second in which the process used less of a core than this was one of waiting.
IDLE_CPU_S = 0.05


class Watchdog(threading.Thread):
    """Counts its own seconds, not the clock's: a process that was stopped and continued is not stuck, and one
    that the machine gives a tenth of a core is slow. So a second counts as one where the process waited, as
    a hung one does, and else as the CPU time that it used in it.

    `beat()` comes from the event loop about once a second; `find_fault(seconds)` is told how much the last
    second counts, and tells of what else is stuck. `end(message)` is called from this thread and must not
    need the event loop.
    """

    def __init__(
        self,
        stuck_s: float,
        find_fault: Callable[[float], str | None],
        end: Callable[[str], None],
        cpu_s: Callable[[], float] = time.process_time,
    ) -> None:
        super().__init__(name="watchdog", daemon=True)
        self._stuck_s = stuck_s
        self._find_fault = find_fault
        self._end = end
        self._cpu_s = cpu_s
        self._used_s = cpu_s()
        self._stopped = threading.Event()
        self._silent_s = 0.0
        self._faulty_s = 0

    def beat(self) -> None:
        self._silent_s = 0.0

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
        seconds = self._take_second()
        self._silent_s += seconds
        if self._silent_s > self._stuck_s:
            return f"the event loop has been stuck for {self._silent_s:.0f} s"
        fault = self._find_fault(seconds)
        self._faulty_s = self._faulty_s + 1 if fault else 0
        return fault if self._faulty_s >= 2 else None

    def _take_second(self) -> float:
        used_s = self._cpu_s()
        spent_s, self._used_s = used_s - self._used_s, used_s
        return 1.0 if spent_s < IDLE_CPU_S else min(1.0, spent_s)
