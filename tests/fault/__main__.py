"""Run the fault suite and print its table: python -m tests.fault --seed 1 --minutes 30.

Exits 1 when something was lost, came twice, or did not come back; then the seed and the command to repeat
it are printed. Rounds with new seeds follow each other until the minutes are over; the first is complete.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import time

from tests.fault.faults import list_faults
from tests.fault.redis_server import RedisServer
from tests.fault.suite import Scenario, run_fault
from tests.fault.table import Row, head, line
from tests.kafka import KafkaUnavailable, RealKafka, real_kafka_or_reason


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fault", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="of the day and all random moments (%(default)s)")
    parser.add_argument("--minutes", type=float, default=0.0, help="new rounds until so long has passed")
    parser.add_argument("--only", action="append", metavar="NAME", help="only this fault; may be given again")
    parser.add_argument("--short", action="store_true", help="fewer injections, a smaller day")
    args = parser.parse_args()
    faults = [fault for fault in list_faults(short=args.short) if not args.only or fault.name in args.only]
    if not faults:
        names = ", ".join(fault.name for fault in list_faults(short=False))
        parser.error(f"there is no such fault; the faults are: {names}")
    if not RedisServer.is_there():
        parser.error("redis-server is not on the PATH")
    try:
        with real_kafka_or_reason() as kafka:
            return _run_all(faults, kafka, args.seed, args.minutes, short=args.short)
    except KafkaUnavailable as reason:
        print(f"error: no real Kafka: {reason}", file=sys.stderr)
        return 2


def _run_all(faults: list[Scenario], kafka: RealKafka, seed: int, minutes: float, *, short: bool) -> int:
    if not kafka.can_fault:
        faults = [fault for fault in faults if not fault.needs_broker]
    print(head(), flush=True)
    ends_at = time.monotonic() + 60 * minutes
    failed = 0
    while True:
        for fault in faults:
            row = run_fault(fault, kafka, seed, vans=6 if short else 12)
            print(line(row), flush=True)
            if not row.passed:
                failed += 1
                _tell(row, seed, short)
        seed += 1
        if time.monotonic() >= ends_at:
            return 1 if failed else 0


def _tell(row: Row, seed: int, short: bool) -> None:
    for problem in [*row.verdict.differences, *row.problems]:
        print(f"    {problem}")
    again = ["python", "-m", "tests.fault", "--seed", str(seed), "--only", row.fault]
    print(f"    seed {seed}; again: {shlex.join([*again, *(['--short'] if short else [])])}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
