"""All benchmarks in one go, each with its defaults: `python -m tests.bench`."""

from __future__ import annotations

import sys

from tests.bench import bench_fold, bench_gateway, bench_streaming, bench_track

if __name__ == "__main__":
    for bench in (bench_fold, bench_gateway, bench_streaming, bench_track):
        print(f"== {bench.__name__}: {(bench.__doc__ or '').strip().splitlines()[0]}", flush=True)
        sys.argv = [bench.__name__]
        bench.main()
