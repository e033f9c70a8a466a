"""The basic job on this product's edge: python -m tests.bench.peers.ours_basic '<json>'."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence

import msgspec

from controltower.streaming.run import run_stage
from controltower.streaming.stage import Commit, Out, Record, StageSpec
from tests.bench.basic_job import RouteState, Scan, apply

_decode = msgspec.json.Decoder(Scan).decode
_encode = msgspec.json.Encoder().encode


class BasicFold:
    """One partition: a state per route, written once per poll in which it changed."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._states: dict[bytes, RouteState] = {}

    def restore(self, key: bytes, value: bytes) -> None:
        self._states[key] = msgspec.json.decode(value, type=RouteState)

    def restored(self) -> None:
        """Nothing to do."""

    def fold(self, records: Sequence[Record]) -> Commit:
        commit = Commit()
        changed: dict[bytes, RouteState] = {}
        for record in records:
            assert record.key is not None
            assert record.value is not None
            scan = _decode(record.value)
            state = self._states.get(record.key)
            if state is None:
                state = self._states[record.key] = RouteState()
            apply(state, scan)
            changed[record.key] = state
            if scan.milestone == "DELIVERED":
                commit.outputs.append(Out(self._target, record.key, _encode(state)))
        commit.changes = [(key, _encode(state)) for key, state in changed.items()]
        return commit

    def idle(self, ends: Mapping[str, int]) -> Commit | None:
        return None


def main() -> int:
    """Settings: brokers, app, source, target, changelog."""
    job = json.loads(sys.argv[1])
    spec = StageSpec("basic", (job["source"],), job["changelog"], lambda *_: BasicFold(job["target"]))
    return run_stage(spec, brokers=job["brokers"], app_id=job["app"])


if __name__ == "__main__":
    sys.exit(main())
