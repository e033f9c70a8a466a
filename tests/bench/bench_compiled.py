"""What compiling the hot path gains: CPU of the fold as installed by default and from a compiled wheel.

python -m tests.bench.bench_compiled [--gtfs FOLDER] [--copies 8] [--records 50000] [--rounds 3]

Folds the same log in a process of each kind by turns. Both must say the same, byte for byte.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tests.bench.bench_fold import log_of
from tests.bench.check_fold import save_log
from tests.bench.compiled import compiled_checkout
from tests.bench.contest import ROOT
from tests.bench.measuring import spread, told

#: A process of one kind: prints the us of CPU per record, and a digest of all outputs and changes.
_FOLD = """
import hashlib, sys, time
from pathlib import Path
import msgspec
from controltower.route.fold import TrackFold
from controltower.streaming.stage import Record
records = msgspec.msgpack.decode(Path(sys.argv[1]).read_bytes(), type=list[Record])
fold, digest, used = TrackFold(0, 1, lambda: 0), hashlib.sha256(), 0.0
for at in range(0, len(records), 500):
    began = time.process_time()
    commit = fold.fold(records[at : at + 500])
    used += time.process_time() - began
    digest.update(repr((commit.outputs, commit.changes)).encode())
print(used / len(records) * 1e6, digest.hexdigest())
"""


def measure(package: Path, log: Path) -> tuple[float, str]:
    """(us of CPU per record, digest) of one process that imports the product from `package`."""
    environment: Mapping[str, str] = {**os.environ, "PYTHONPATH": str(package)}
    command = [sys.executable, "-c", _FOLD, str(log)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment, cwd=package)
    us, digest = done.stdout.split()
    return float(us), digest


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gtfs", type=Path)
    parser.add_argument("--copies", type=int, default=8)
    parser.add_argument("--records", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        log = Path(name) / "log"
        save_log(log, log_of(options.gtfs, options.copies)[: options.records])
        packages = {"default": ROOT, "compiled": compiled_checkout()}
        costs: dict[str, list[float]] = {kind: [] for kind in packages}
        digests = set()
        for _ in range(options.rounds):
            for kind, package in packages.items():
                us, digest = measure(package, log)
                costs[kind].append(us)
                digests.add(digest)
    print(f"{options.records:,} records, us CPU each: least / median / most of {options.rounds} rounds")
    for kind, each in costs.items():
        print(f"{kind:>9} {told(spread(each))}")
    print(f"    ratio {told(spread(c / d for d, c in zip(*costs.values(), strict=True)), 2)}")
    print("both said the same" if len(digests) == 1 else "THEY DIFFER")
    return len(digests) - 1


if __name__ == "__main__":
    sys.exit(main())
