"""One stage's fold over a log in a file: python -m tests.bench.check_fold STAGE FILE WARM COUNTED.

A process of its own, so that the instructions of a run can be counted.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from agents.app import build_stage
from controltower.settings import load_settings
from controltower.streaming.stage import Record

_POLL = 100
_decode = msgspec.msgpack.Decoder(list[Record]).decode


def save_log(file: Path, records: Sequence[Record]) -> None:
    file.write_bytes(msgspec.msgpack.encode(records))


def records_in(file: Path) -> int:
    return len(_decode(file.read_bytes()))


def fold_log(stage: str, file: Path, warm: int, counted: int) -> float:
    """CPU seconds of the counted records, after the warm ones."""
    fold = build_stage(stage, load_settings({"rejected_limit": 0}), lambda: 0).make_fold(0, 1)
    fold.restored()
    records = _decode(file.read_bytes())
    for start in range(0, warm, _POLL):
        fold.fold(records[start : start + _POLL])
    began = time.process_time()
    for start in range(warm, warm + counted, _POLL):
        fold.fold(records[start : start + _POLL])
    return time.process_time() - began


if __name__ == "__main__":
    fold_log(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
