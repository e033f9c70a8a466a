"""Run the fault suite and print its table: python -m tests.fault --seed 1 --minutes 30.

Exits 1 when something was lost, came twice, or did not come back; then the seed and the command to repeat
it are printed. Rounds with new seeds follow each other until the minutes are over; the first is complete.
"""

from __future__ import annotations

import argparse
import shlex
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.fault.faults import list_faults
from tests.fault.redis_server import RedisServer
from tests.fault.suite import Scenario, run_fault
from tests.fault.table import Row, head, line, summary
from tests.kafka import KafkaUnavailable, RealKafka, real_kafka_or_reason


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fault", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="of the day and all random moments (%(default)s)")
    parser.add_argument("--minutes", type=float, default=0.0, help="new rounds until so long has passed")
    parser.add_argument("--only", action="append", metavar="NAME", help="only this fault; may be given again")
    parser.add_argument("--short", action="store_true", help="fewer injections, a smaller day")
    parser.add_argument("--out", type=Path, metavar="FILE", help="append the table to this file, row by row")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that nothing that was started stays behind
    faults = [fault for fault in list_faults(short=args.short) if not args.only or fault.name in args.only]
    if not faults:
        names = ", ".join(fault.name for fault in list_faults(short=False))
        parser.error(f"there is no such fault; the faults are: {names}")
    if not RedisServer.is_there():
        parser.error("redis-server is not on the PATH")
    try:
        with real_kafka_or_reason() as kafka:
            return Run(kafka, args.out, short=args.short).rounds(faults, args.seed, args.minutes)
    except KafkaUnavailable as reason:
        print(f"error: no real Kafka: {reason}", file=sys.stderr)
        return 2


class Run:
    """Rounds over all faults, told as they go."""

    def __init__(self, kafka: RealKafka, out: Path | None, *, short: bool) -> None:
        self._kafka, self._out, self._short = kafka, out, short
        self._rows: list[Row] = []

    def rounds(self, faults: Sequence[Scenario], seed: int, minutes: float) -> int:
        """One round at least; the exit code."""
        if not self._kafka.can_fault:
            faults = [fault for fault in faults if not fault.needs_broker]
        self._say(head())
        ends_at = time.monotonic() + 60 * minutes
        while True:
            for fault in faults:
                self._tell(run_fault(fault, self._kafka, seed, vans=6 if self._short else 12), seed)
            seed += 1
            if time.monotonic() >= ends_at:
                break
        self._say(summary(self._rows))
        return 0 if all(row.passed for row in self._rows) else 1

    def _tell(self, row: Row, seed: int) -> None:
        self._rows.append(row)
        self._say(line(row))
        if not row.passed:
            for problem in [*row.verdict.differences, *row.problems]:
                self._say(f"    {problem}")
        if not row.passed or row.wants_loss:
            self._say(f"    seed {seed}; again: {again(row, seed, short=self._short)}")

    def _say(self, text: str) -> None:
        print(text, flush=True)
        if self._out is not None:
            with self._out.open("a", encoding="utf-8") as file:
                file.write(text + "\n")


def again(row: Row, seed: int, *, short: bool) -> str:
    """The command that runs this row once more."""
    words = ["python", "-m", "tests.fault", "--seed", str(seed), "--only", row.fault]
    return shlex.join([*words, *(["--short"] if short else [])])


if __name__ == "__main__":
    sys.exit(main())
