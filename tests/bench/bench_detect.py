"""What all detectors together add to an event: CPU of two folds of the same records, by turns.

python -m tests.bench.bench_detect [--gtfs FOLDER] [--copies 8] [--poll 500] [--rounds 5] [--records N]

One side is the track stage's fold with all rules; the other follows the path and nothing else: it folds no
evidence of standing, straying, pace or direction, and no silence or late departure ever falls due. On both
sides no question is asked, so nothing looks at the slip again, and no status is told for its time alone.
Only plain Python can be measured so: the rules are taken out where the fold looks them up.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import msgspec

from controltower.route import trail
from controltower.route.evidence import Fix, Snapshot
from controltower.route.limits import Limits
from controltower.route.plan import RoutePlan
from controltower.route.progress import advance
from tests.bench.bench_fold import NEVER_MS, NO_STATUS, log_of, measure
from tests.bench.measuring import spread, told

_NO_DEADLINES = msgspec.structs.replace(
    NO_STATUS, silence_ms=NEVER_MS, silence_unknown_ms=NEVER_MS, late_departure_ms=NEVER_MS
)
FoldFix = Callable[[Snapshot, RoutePlan, Fix, Limits], Snapshot]
_WITH_RULES: FoldFix = trail.fold_fix


def follow_path(was: Snapshot, plan: RoutePlan, fix: Fix, limits: Limits) -> Snapshot:
    """`fold_fix` without any rule."""
    x, y = plan.frame.to_xy(fix.lat, fix.lon)
    progress = advance(was.progress, plan, fix, x, y, limits)
    return Snapshot(progress, was.standing, was.halt, was.dwell, was.detour, was.slow, was.reversal)


SIDES: dict[str, tuple[FoldFix, Limits]] = {
    "all rules": (_WITH_RULES, NO_STATUS),
    "path only": (follow_path, _NO_DEADLINES),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gtfs", type=Path)
    parser.add_argument("--copies", type=int, default=8)
    parser.add_argument("--poll", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--records", type=int, help="only the first so many")
    options = parser.parse_args()
    if not trail.__file__.endswith(".py"):
        parser.error("compiled code calls the rules without looking them up: run this on a checkout")
    records = log_of(options.gtfs, options.copies)[: options.records]
    costs: dict[str, list[float]] = {side: [] for side in SIDES}
    for _ in range(options.rounds):
        for side, (fold_fix, limits) in SIDES.items():
            trail.fold_fix = fold_fix
            costs[side].append(measure(records, options.poll, limits))
    print(f"{len(records):,} records, us CPU each: least / median / most of {options.rounds} rounds")
    for side, us in costs.items():
        print(f"{side:>12} {told(spread(us))}")
    pairs = list(zip(*costs.values(), strict=True))
    print(f"{'difference':>12} {told(spread(ours - path for ours, path in pairs))}")
    print(f"{'ratio':>12} {told(spread(ours / path for ours, path in pairs), 2)}")


if __name__ == "__main__":
    main()
