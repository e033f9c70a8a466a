"""The command line with a fuse in it: kills itself at the nth transaction, before, in or after its commit.

python -m tests.fault.fused_stage before:12 worker --stage track
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any

from agents.cli import main
from controltower.streaming.writer import Share, TransactionWriter
from tests.fault.sleepy_stage import is_lent

_ON_ITS_WAY_S = 0.002


class Fuse:
    """Counts the transactions of polls; burns through at the nth."""

    def __init__(self, moment: str, number: int) -> None:
        self._moment, self._left = moment, number
        self._lock = threading.Lock()

    def attach(self) -> None:
        """Put it into every writer of this process."""
        write = TransactionWriter.write_all

        def fused(writer: TransactionWriter, changelog: str, shares: Sequence[Share]) -> None:
            last = is_lent(writer) and self._is_last()
            if last and self._moment != "after":
                writer._producer = _Burning(writer._producer, self._moment)
            write(writer, changelog, shares)
            if last:
                burn()

        TransactionWriter.write_all = fused  # type: ignore[method-assign, assignment]

    def _is_last(self) -> bool:
        with self._lock:
            self._left -= 1
            return self._left == 0


class _Burning:
    """A producer that dies with its process when it is asked to commit."""

    def __init__(self, producer: Any, moment: str) -> None:
        self._producer, self._moment = producer, moment

    def __getattr__(self, name: str) -> Any:
        return getattr(self._producer, name)

    def commit_transaction(self, *arguments: Any) -> None:
        self._producer.flush(5)
        if self._moment == "in":
            threading.Thread(target=self._producer.commit_transaction, args=arguments, daemon=True).start()
            time.sleep(_ON_ITS_WAY_S)
        burn()


def burn() -> None:
    """As if somebody had pulled the plug."""
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    moment, number = sys.argv[1].split(":")
    Fuse(moment, int(number)).attach()
    sys.exit(main(sys.argv[2:]))
