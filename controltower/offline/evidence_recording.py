"""Evidence from a recording."""

from __future__ import annotations

import math
from collections.abc import Iterable

from controltower.offline.recording import Recording
from controltower.streaming.stage import Record


class RecordingEvidence:
    """A recording of a system at rest, or of an offline run: everything in it is settled."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self.partitions = recording.partitions
        self.topics = recording.topics

    def first_offset(self, topic: str, partition: int) -> int:
        return self._recording.first_offset(topic, partition)

    def settled_end(self, topic: str, partition: int) -> float:
        return math.inf

    def read(self, topic: str, partition: int) -> Iterable[Record]:
        return self._recording.read(topic, partition)
