"""The command line without the fence, for the control: every process has transactional ids of its own.

python -m tests.fault.unfenced_stage SLEEP_AFTER worker --stage track

It stops itself (SIGSTOP) right before the transaction with that number; 0: never.
"""

from __future__ import annotations

import os
import signal
import sys
import uuid
from typing import Any

from agents.cli import main
from controltower.streaming.connection import Connection
from controltower.streaming.writer import PartitionWriter


def take_out_the_fence() -> None:
    """Two processes no longer share a transactional id, so the broker refuses neither."""
    shared, mine = Connection.transactional_id, uuid.uuid4().hex

    def unshared(connection: Connection, partition: int) -> str:
        return f"{shared(connection, partition)}-{mine}"

    Connection.transactional_id = unshared  # type: ignore[method-assign, assignment]


def sleep_after(transactions: int) -> None:
    """Stop between the fold and its transaction that carries outputs, as a frozen machine would."""
    write, left = PartitionWriter.write, [transactions]

    def sleepy(writer: PartitionWriter, commit: Any, *rest: Any) -> None:
        if commit.outputs:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGSTOP)
        write(writer, commit, *rest)

    PartitionWriter.write = sleepy  # type: ignore[method-assign, assignment]


if __name__ == "__main__":
    take_out_the_fence()
    sleep_after(int(sys.argv[1]))
    sys.exit(main(sys.argv[2:]))
