"""The command line without the fence, for the control: every process has transactional ids of its own.

python -m tests.fault.unfenced_stage SLEEP_AFTER worker --stage track

It stops itself (SIGSTOP) right before the transaction with outputs of that number; 0: never.
"""

from __future__ import annotations

import sys
import uuid

from agents.cli import main
from controltower.streaming import takeover
from controltower.streaming.connection import Connection
from tests.fault.sleepy_stage import sleep_before


def take_out_the_fence() -> None:
    """Two processes share no transactional id, and nobody looks for loans: the broker refuses neither."""
    shared, mine = Connection.transactional_id, uuid.uuid4().hex

    def unshared(connection: Connection, partition: int) -> str:
        return f"{shared(connection, partition)}-{mine}"

    Connection.transactional_id = unshared  # type: ignore[method-assign, assignment]
    takeover.find_loans = lambda _: set()


if __name__ == "__main__":
    take_out_the_fence()
    sleep_before(int(sys.argv[1]), with_outputs=True)
    sys.exit(main(sys.argv[2:]))
