"""All benchmarks in one go, each with its defaults: `python -m tests.bench`.

What compiling changes is measured a second time as it ships, compiled, on the same machine right after.
"""

from __future__ import annotations

import sys

from tests.bench import bench_basic, bench_fold, bench_full, bench_latency, bench_whole
from tests.bench.compiled import run_compiled

BENCHES = (bench_basic, bench_full, bench_fold, bench_whole, bench_latency)
TWICE = (bench_full, bench_fold, bench_whole)

if __name__ == "__main__":
    for bench in BENCHES:
        print(f"== {bench.__name__}: {(bench.__doc__ or '').strip().splitlines()[0]}", flush=True)
        sys.argv = [bench.__name__]
        bench.main()
        if bench in TWICE:
            print(f"== {bench.__name__}, compiled as in the image", flush=True)
            run_compiled(bench.__name__.rpartition(".")[2])
