"""Has an event become dearer? Instructions and CPU per record of each stage against the stored reference.

python -m tests.bench.check [--write] [--no-instructions] [--fail-above PERCENT]      (make bench-check)

The log of a simulated day, folded by each stage alone, without a broker. Instructions are counted by valgrind
where it is installed: the same on a busy machine and an idle one, to about 1 %. CPU time is the least of some
rounds and moves by a fifth from one day to the next on a shared machine. The reference holds one set of
figures per kind of machine (processor, Python); --write stores those of this run.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec

from agents.app import OFFLINE_STAGES, build_offline_stages
from controltower.offline.pipeline import Pipeline, SteppedClock
from controltower.settings import load_settings
from controltower.simulate.day import simulate_day
from controltower.streaming.stage import Record
from tests.bench.check_fold import fold_log, records_in, save_log
from tests.bench.measuring import table

REFERENCE = Path(__file__).with_name("reference.json")
#: At most so many records that only fill the state, and as many that are counted.
HALF = 2_000
ROUNDS = 5
#: LightGBM's own threads and instruction sets are no business of ours.
_NOT_COUNTED = ("score",)


class Cost(msgspec.Struct):
    """Per record of a stage; instructions None: not counted."""

    cpu_us: float
    instructions: float | None = None


Costs = dict[str, Cost]
_decode = msgspec.json.Decoder(dict[str, Costs]).decode


def machine_kind() -> str:
    """The processor's name and the interpreter: what figures may be compared by."""
    info = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*: (.*)", info.read_text()) if info.exists() else None
    processor = found.group(1) if found else platform.processor() or platform.machine()
    return f"{processor}, Python {platform.python_version()}"


def stage_logs(folder: Path) -> dict[str, Path]:
    """A file with the log of each stage of a simulated day, in the order in which it reads."""
    settings, clock, day = load_settings({}), SteppedClock(), simulate_day(1)
    stages = build_offline_stages(settings, clock.now_ms)
    inputs = {topic: stage.name for stage in stages for topic in stage.inputs}
    logs: dict[str, list[Record]] = {name: [] for name in OFFLINE_STAGES}
    for record in Pipeline(stages, 1, clock).run(day.plans, day.arrivals):
        if record.topic in inputs:
            logs[inputs[record.topic]].append(record)
    files = {name: folder / f"{name}.log" for name in logs}
    for name, log in logs.items():
        save_log(files[name], log[: 2 * HALF])
    return files


def cpu_us(stage: str, log: Path, half: int) -> float:
    """The least of some rounds."""
    return min(fold_log(stage, log, half, half) for _ in range(ROUNDS)) / half * 1e6


def count_instructions(stage: str, log: Path, warm: int, counted: int) -> int:
    """All instructions of a process that loads the log and folds so many records behind the warm ones."""
    child = [sys.executable, "-m", "tests.bench.check_fold", stage, str(log), str(warm), str(counted)]
    command = ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null", *child]
    fixed = {"PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, **fixed})
    found = re.search(r"I\s+refs:\s+([\d,]+)", done.stderr)
    assert found is not None, done.stderr[-500:]
    return int(found.group(1).replace(",", ""))


def measure(instructions: bool) -> Costs:
    """Every stage's cost now."""
    costs: Costs = {}
    with tempfile.TemporaryDirectory() as folder:
        for stage, log in stage_logs(Path(folder)).items():
            half = records_in(log) // 2
            if not half:
                continue
            costs[stage] = Cost(round(cpu_us(stage, log, half), 2))
            if instructions and stage not in _NOT_COUNTED:
                less = count_instructions(stage, log, half, 0)
                more = count_instructions(stage, log, half, half)
                costs[stage].instructions = round((more - less) / half)
            print(f"{stage}: {costs[stage]}", file=sys.stderr, flush=True)
    return costs


def moved(now: float | None, then: float | None) -> float | None:
    """By how many percent, or None where there is nothing to compare."""
    return None if now is None or not then else (now / then - 1) * 100


def report(now: Costs, then: Costs) -> str:
    rows = []
    for stage, cost in now.items():
        was = then.get(stage, Cost(0.0))
        by_count, by_cpu = moved(cost.instructions, was.instructions), moved(cost.cpu_us, was.cpu_us)
        counted = f"{cost.instructions:,.0f}" if cost.instructions is not None else "-"
        rows.append([stage, counted, _percent(by_count), f"{cost.cpu_us:.1f}", _percent(by_cpu)])
    return table(["stage", "instructions per record", "moved", "us CPU per record", "moved"], rows)


def _percent(change: float | None) -> str:
    return "-" if change is None else f"{change:+.1f} %"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--write", action="store_true", help="store this run as the reference of this machine"
    )
    parser.add_argument("--no-instructions", action="store_true", help="CPU time only (about 30 s)")
    parser.add_argument(
        "--fail-above", type=float, metavar="PERCENT", help="exit 1 when instructions grew more"
    )
    options = parser.parse_args()
    counting = shutil.which("valgrind") is not None and not options.no_instructions
    known, kind = _decode(REFERENCE.read_bytes()) if REFERENCE.exists() else {}, machine_kind()
    now, then = measure(counting), known.get(kind, {})
    print(f"{kind}: {'against the stored reference' if then else 'no reference is stored for this kind'}")
    print(report(now, then))
    if not counting:
        print("instructions were not counted: valgrind is not installed, or --no-instructions")
    if options.write:
        known[kind] = now
        REFERENCE.write_bytes(msgspec.json.format(msgspec.json.encode(known), indent=1) + b"\n")
    changes = [moved(now[s].instructions, then[s].instructions) for s in now if s in then]
    worst = max((change for change in changes if change is not None), default=0.0)
    return 1 if options.fail_above is not None and worst > options.fail_above else 0


if __name__ == "__main__":
    sys.exit(main())
