"""The basic job as a Quix Streams application: python basic.py '<json>', in the venv made for it.

Written as its documentation shows it: JSON topics, a stateful function over a StreamingDataFrame, its state
in RocksDB with a changelog topic, at least once.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from quixstreams import Application, State

EMPTY = {"count": 0, "last_at": 0, "lat": 0.0, "lon": 0.0, "fastest_mps": 0.0}


def fold(scan: dict[str, Any], state: State) -> dict[str, Any]:
    route = state.get("route") or dict(EMPTY)
    route["count"] += 1
    if scan["occurred_at"] >= route["last_at"]:
        route["last_at"], route["lat"], route["lon"] = scan["occurred_at"], scan["lat"], scan["lon"]
    route["fastest_mps"] = max(route["fastest_mps"], scan["speed_mps"])
    state.set("route", route)
    return {**route, "delivered": scan["milestone"] == "DELIVERED"}


def main() -> None:
    job = json.loads(sys.argv[1])
    app = Application(
        broker_address=job["brokers"],
        consumer_group=job["app"],
        auto_offset_reset="earliest",
        state_dir=job["folder"],
        loglevel="WARNING",
    )
    source = app.topic(job["source"], key_deserializer="str", value_deserializer="json")
    target = app.topic(job["target"], key_serializer="str", value_serializer="json")
    routes = app.dataframe(source).apply(fold, stateful=True)
    routes[routes["delivered"]].to_topic(target)
    app.run()


if __name__ == "__main__":
    main()
