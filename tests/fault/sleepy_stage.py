"""The command line that falls asleep: stops itself (SIGSTOP) between a fold and its transaction.

python -m tests.fault.sleepy_stage NUMBER worker --stage track

NUMBER: right before which of its transactions, loans not counted; 0: never.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence

from agents.cli import main
from controltower.streaming.writer import Share, TransactionWriter


def is_lent(writer: TransactionWriter) -> bool:
    """Whether it writes what was folded; a deed writes only loans."""
    return "-all-" in writer.transactional_id


def sleep_before(transaction: int, *, with_outputs: bool) -> None:
    """As a frozen machine would. with_outputs: only transactions that carry outputs count."""
    write, left = TransactionWriter.write_all, [transaction]

    def sleepy(writer: TransactionWriter, changelog: str, shares: Sequence[Share]) -> None:
        if is_lent(writer) and (any(share.commit.outputs for share in shares) or not with_outputs):
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGSTOP)
        write(writer, changelog, shares)

    TransactionWriter.write_all = sleepy  # type: ignore[method-assign, assignment]


if __name__ == "__main__":
    sleep_before(int(sys.argv[1]), with_outputs=False)
    sys.exit(main(sys.argv[2:]))
