"""A stage for the tests of health: python healthy_stage.py '<json>'.

Settings: brokers, app, source, changelog, port, hold, stale_s, stuck_s. A record `hang` stops the event loop
for good; while the file `hold` is there, restoring waits.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from controltower.logs import set_up_logs
from controltower.metrics import Health, PrometheusObserver, serve_metrics
from controltower.streaming.limits import StreamLimits
from controltower.streaming.run import run_stage
from controltower.streaming.stage import Commit, Record, StageSpec


class HangingFold:
    """Keeps nothing."""

    def __init__(self, hold: Path) -> None:
        self._hold = hold

    def restore(self, key: bytes, value: bytes) -> None:
        raise AssertionError("nothing is kept")

    def restored(self) -> None:
        """In a thread, as a long restore is: the event loop turns meanwhile."""
        while self._hold.exists():
            time.sleep(0.05)

    def fold(self, records: Sequence[Record]) -> Commit:
        while any(record.value == b"hang" for record in records):
            time.sleep(1.0)
        return Commit()

    def idle(self, ends: Mapping[str, int]) -> Commit | None:
        return None


def main() -> int:
    settings = json.loads(sys.argv[1])
    set_up_logs()
    observer = PrometheusObserver(Health(settings["stale_s"]))
    serve_metrics("127.0.0.1", settings["port"], observer)
    hold = Path(settings["hold"])
    spec = StageSpec(
        "track", (settings["source"],), settings["changelog"], lambda partition, partitions: HangingFold(hold)
    )
    return run_stage(
        spec,
        brokers=settings["brokers"],
        app_id=settings["app"],
        observer=observer,
        limits=StreamLimits(stuck_loop_s=settings["stuck_s"], look_at_topics_every_s=0.5),
    )


if __name__ == "__main__":
    sys.exit(main())
