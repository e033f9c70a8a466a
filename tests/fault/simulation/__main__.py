"""The long form: python -m tests.fault.simulation --histories 20000 --seed 7"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter

from tests.fault.simulation.history import MakeWorkload, find_harm, timeline
from tests.fault.simulation.mechanisms import ALL_ON, NAMES
from tests.fault.simulation.product import Normalize, Recover, Track
from tests.fault.simulation.violation import HARM, KINDS
from tests.fault.simulation.workloads import Counting

#: workload -> which part of the histories it gets; the product's folds are slower than counting
WORKLOADS: dict[str, tuple[MakeWorkload, int]] = {
    "count": (Counting, 1),
    "normalize": (Normalize, 5),
    "track": (Track, 10),
    "recover": (Recover, 10),
}


def workload_for(mechanism: str) -> MakeWorkload:
    """Where the harm shows when a mechanism is off: only normalize tells the time."""
    return Normalize if mechanism.startswith("idle_") else Counting


def main() -> int:
    """0: nothing is wrong with everything on, and each mechanism is missed when it is off."""
    parser = argparse.ArgumentParser(prog="python -m tests.fault.simulation", description=__doc__)
    parser.add_argument("--histories", type=int, default=20_000, metavar="N")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workload", choices=WORKLOADS, help="only this one")
    parser.add_argument("--without", choices=NAMES, help="only this mechanism off, with its timeline")
    parser.add_argument("--timelines", action="store_true", help="show the shortest history of each finding")
    asked = parser.parse_args()
    if asked.without:
        return _show_without(asked.without, asked.seed, asked.histories, timelines=True)
    names = [asked.workload] if asked.workload else list(WORKLOADS)
    sound = [_try_all_on(name, asked.seed, asked.histories) for name in names]
    if not all(sound):
        return 1
    if asked.workload:
        return 0
    print(f"\n{'switched off':<32}{'harm after':>11}{'steps':>7}  what is wrong")
    return max(_show_without(name, asked.seed, asked.histories, asked.timelines) for name in NAMES)


def _try_all_on(name: str, seed: int, histories: int) -> bool:
    make_workload, part = WORKLOADS[name]
    started = time.process_time()
    finding = find_harm(make_workload, ALL_ON, seed, histories // part, KINDS)
    if finding is None:
        rate = histories // part / (time.process_time() - started) * 60
        print(
            f"{name:<10}{histories // part:>8} histories, nothing wrong; {rate:,.0f} a minute of CPU",
            flush=True,
        )
        return True
    print(f"{name}: wrong after {finding.clean} histories; repeat with --workload {name} --seed {seed}")
    print("\n".join(timeline(finding.shrunk())))
    return False


def _show_without(name: str, seed: int, histories: int, timelines: bool) -> int:
    finding = find_harm(workload_for(name), ALL_ON.without(name), seed, histories)
    if finding is None:
        print(f"{name:<32}{'none':>11}")
        return 1
    shortest = finding.shrunk()
    kinds = Counter(v.kind for v in shortest.play() if v.kind in HARM)
    what = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    print(f"{name:<32}{finding.clean + 1:>11,}{len(shortest.steps):>7}  {what}", flush=True)
    if timelines:
        print("\n".join(f"    {line}" for line in timeline(shortest)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
