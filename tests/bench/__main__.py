"""All benchmarks in one go, each with its defaults: `python -m tests.bench`."""

from __future__ import annotations

import sys

from tests.bench import bench_basic, bench_fold, bench_full, bench_latency, bench_whole

if __name__ == "__main__":
    for bench in (bench_basic, bench_full, bench_fold, bench_whole, bench_latency):
        print(f"== {bench.__name__}: {(bench.__doc__ or '').strip().splitlines()[0]}", flush=True)
        sys.argv = [bench.__name__]
        bench.main()
