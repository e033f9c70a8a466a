"""The full job as a Quix Streams application: python full.py '<json>', in the venv made for it.

The same core as the track stage, called per event by a stateful function; what changed goes into the state
store, the outputs go to topics chosen per record.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from quixstreams import Application, State, message_context
from quixstreams.models import SerializationContext, Serializer

from controltower.route.fold import TrackFold
from controltower.streaming.stage import Out, Record
from schemas.topics import BY_NAME, Role


class ValueOf(Serializer):
    """The bytes of an output as they are."""

    def __call__(self, value: Out, ctx: SerializationContext) -> bytes | None:
        return value.value


def wall_ms() -> int:
    return time.time_ns() // 1_000_000


class Track:
    """One fold per partition."""

    def __init__(self, partitions: int) -> None:
        self._partitions = partitions
        self._folds: dict[int, TrackFold] = {}

    def fold(self, value: bytes, key: bytes, timestamp: int, headers: Any, state: State) -> list[Out]:
        context = message_context()
        fold = self._folds.get(context.partition)
        if fold is None:
            fold = self._folds[context.partition] = TrackFold(context.partition, self._partitions, wall_ms)
        record = Record(context.topic, context.partition, context.offset, timestamp, key, value)
        commit = fold.fold([record])
        for name, content in commit.changes:
            if content is None:
                state.delete(name.decode())
            else:
                state.set_bytes(name.decode(), content)
        return commit.outputs


def main() -> None:
    job = json.loads(sys.argv[1])
    app = Application(
        broker_address=job["brokers"],
        consumer_group=job["app"],
        auto_offset_reset="earliest",
        state_dir=job["folder"],
        loglevel="WARNING",
    )
    source = app.topic(job["source"], key_deserializer="bytes", value_deserializer="bytes")
    targets = {
        name: app.topic(job["prefix"] + name, key_serializer="bytes", value_serializer=ValueOf())
        for name, topic in BY_NAME.items()
        if "track" in topic.writers and topic.role is not Role.CHANGELOG
    }
    outs = app.dataframe(source).apply(
        Track(int(job["partitions"])).fold, stateful=True, expand=True, metadata=True
    )
    outs.to_topic(lambda out, *_: targets[out.topic], key=lambda out: out.key)
    app.run()


if __name__ == "__main__":
    main()
