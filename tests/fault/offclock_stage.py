"""The command line on a machine whose clock is wrong: python -m tests.fault.offclock_stage 600 worker ...

Everything in this process that asks for the time of day gets it so many seconds off; what only measures how
long something takes does not.
"""

from __future__ import annotations

import sys
import time


def shift_the_clock(ahead_s: float) -> None:
    """Behind where it is negative."""
    tell_s, tell_ns = time.time, time.time_ns
    time.time = lambda: tell_s() + ahead_s
    time.time_ns = lambda: tell_ns() + round(ahead_s * 1e9)


if __name__ == "__main__":
    shift_the_clock(float(sys.argv[1]))
    from agents.cli import main

    sys.exit(main(sys.argv[2:]))
