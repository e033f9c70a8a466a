"""The full job as a stock Faust agent: python -m tests.bench.peers.faust_full '<json>'.

The same core as the track stage, called per event; its states in a table, its outputs sent one by one.
"""

from __future__ import annotations

import json
import sys

import faust

from controltower.clock import wall_ms
from controltower.route.fold import TrackFold
from controltower.streaming.stage import Record
from schemas.topics import BY_NAME, Role


def build(job: dict[str, str]) -> faust.App:
    partitions = int(job["partitions"])
    app = faust.App(
        job["app"],
        broker=f"kafka://{job['brokers']}",
        store="memory://",
        topic_partitions=partitions,
        topic_replication_factor=1,
        web_enabled=False,
        consumer_auto_offset_reset="earliest",
        producer_max_request_size=8 << 20,
    )

    def raw(name: str) -> faust.TopicT:
        return app.topic(name, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")

    targets = {
        name: raw(job["prefix"] + name)
        for name, topic in BY_NAME.items()
        if "track" in topic.writers and topic.role is not Role.CHANGELOG
    }
    states = app.Table("states", key_type=bytes, value_type=bytes)
    folds: dict[int, TrackFold] = {}

    @app.agent(raw(job["source"]))
    async def fold(stream: faust.Stream[bytes]) -> None:
        async for event in stream.events():
            message = event.message
            track = folds.get(message.partition)
            if track is None:
                track = folds[message.partition] = TrackFold(message.partition, partitions, wall_ms)
            at_ms = int(message.timestamp * 1000)
            record = Record(message.topic, message.partition, message.offset, at_ms, message.key, event.value)
            commit = track.fold([record])
            for key, value in commit.changes:
                if value is None:
                    states.pop(key, None)
                else:
                    states[key] = value
            for out in commit.outputs:
                await targets[out.topic].send(key=out.key, value=out.value, partition=out.partition)

    return app


if __name__ == "__main__":
    app = build(json.loads(sys.argv[1]))
    sys.argv[1:] = ["worker", "--loglevel", "warn", "--without-web"]
    app.main()
