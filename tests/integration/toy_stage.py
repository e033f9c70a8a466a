"""A counting stage as a real child process: python toy_stage.py '<json>' (see main)."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import uuid
from collections.abc import Mapping, Sequence

from controltower.streaming import takeover
from controltower.streaming.connection import Connection
from controltower.streaming.limits import StreamLimits
from controltower.streaming.run import run_stage
from controltower.streaming.stage import Commit, Out, Record, StageSpec


class CountingFold:
    """Counts per key and says the count after each record."""

    tells_idle = False

    def __init__(self, target: str, partition: int = 0) -> None:
        self._target = target
        self.partition = partition
        self.counts: dict[bytes, int] = {}

    def restore(self, key: bytes, value: bytes) -> None:
        self.counts[key] = int(value)

    def restored(self) -> None:
        pass

    def fold(self, records: Sequence[Record]) -> Commit:
        commit = Commit()
        changed = set()
        for record in records:
            assert record.key is not None
            assert record.value is not None
            count = self.counts.get(record.key, 0) + 1
            self.counts[record.key] = count
            changed.add(record.key)
            commit.outputs.append(Out(self._target, record.key, b"%d %b" % (count, record.value)))
        commit.changes = [(key, b"%d" % self.counts[key]) for key in sorted(changed)]
        return commit

    def idle(self, ends: Mapping[str, int]) -> Commit | None:
        """Tell in the log what was told, for the tests of silence."""
        if self.tells_idle:
            told = {"at": time.time() * 1000, "partition": self.partition, "ends": dict(ends)}
            print("idle", json.dumps(told), file=sys.stderr, flush=True)
        return None


class SleepyFold(CountingFold):
    """Stops its own process once, between a fold and its write: the worst moment to lose the partition."""

    sleep_after = 0
    folded = 0

    def fold(self, records: Sequence[Record]) -> Commit:
        commit = super().fold(records)
        before, SleepyFold.folded = SleepyFold.folded, SleepyFold.folded + len(records)
        if before < self.sleep_after <= SleepyFold.folded:
            os.kill(os.getpid(), signal.SIGSTOP)
        return commit


class FewOutputsFold(CountingFold):
    """As above, with an output for every hundredth record of a key only: the shape of a real stage."""

    def fold(self, records: Sequence[Record]) -> Commit:
        commit = super().fold(records)
        commit.outputs = [out for out in commit.outputs if (out.value or b"").split(b" ")[0].endswith(b"00")]
        return commit


def main() -> int:
    """Settings: brokers, app, stage, source, target, changelog; random_ids takes the fence away, ..."""
    settings = json.loads(sys.argv[1])
    if settings.get("random_ids"):
        unfenced = f"-{os.getpid()}-{uuid.uuid4().hex[:6]}"
        original = Connection.transactional_id
        Connection.transactional_id = lambda self, partition: original(self, partition) + unfenced  # type: ignore[method-assign]
        takeover.find_loans = lambda _: set()
    CountingFold.tells_idle = settings.get("tells_idle", False)
    SleepyFold.sleep_after = settings.get("sleep_after", 0)
    fold = FewOutputsFold if settings.get("few_outputs") else SleepyFold
    spec = StageSpec(
        settings["stage"],
        (settings["source"],),
        settings["changelog"],
        lambda partition, partitions: fold(settings["target"], partition),
    )
    limits = StreamLimits(**settings.get("limits", {}))
    return run_stage(
        spec,
        brokers=settings["brokers"],
        app_id=settings["app"],
        limits=limits,
        embedded=settings.get("embedded", False),
    )


if __name__ == "__main__":
    sys.exit(main())
