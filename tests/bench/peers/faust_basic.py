"""The basic job as a stock Faust agent with a table: python -m tests.bench.peers.faust_basic '<json>'.

Written as Faust's documentation shows it: a Record as the model of the topic, one event at a time, a table
with its changelog in Kafka and its contents in memory (the faster of its stores).
"""

from __future__ import annotations

import json
import sys

import faust

from tests.bench.basic_job import PARTITIONS


class Scan(faust.Record, serializer="json"):
    scan_id: str
    route_id: str
    occurred_at: int
    lat: float
    lon: float
    speed_mps: float
    milestone: str | None = None


class RouteState(faust.Record, serializer="json"):
    count: int = 0
    last_at: int = 0
    lat: float = 0.0
    lon: float = 0.0
    fastest_mps: float = 0.0


def build(job: dict[str, str]) -> faust.App:
    app = faust.App(
        job["app"],
        broker=f"kafka://{job['brokers']}",
        store="memory://",
        topic_partitions=PARTITIONS,
        topic_replication_factor=1,
        web_enabled=False,
        consumer_auto_offset_reset="earliest",
    )
    scans = app.topic(job["source"], key_type=str, value_type=Scan, key_serializer="raw")
    target = app.topic(job["target"], key_type=str, key_serializer="raw", value_type=RouteState)
    routes = app.Table("routes", key_type=str, value_type=RouteState, default=RouteState)

    @app.agent(scans)
    async def fold(stream: faust.Stream[Scan]) -> None:
        async for scan in stream:
            state = routes[scan.route_id]
            state.count += 1
            if scan.occurred_at >= state.last_at:
                state.last_at, state.lat, state.lon = scan.occurred_at, scan.lat, scan.lon
            state.fastest_mps = max(state.fastest_mps, scan.speed_mps)
            routes[scan.route_id] = state
            if scan.milestone == "DELIVERED":
                await target.send(key=scan.route_id, value=state)

    return app


if __name__ == "__main__":
    app = build(json.loads(sys.argv[1]))
    sys.argv[1:] = ["worker", "--loglevel", "warn", "--without-web"]
    app.main()
