"""Reads topics while the stages write them, keeps every record in a folder, and folds it into the board."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from pathlib import Path

import msgspec

from agents.demo.board import Board
from controltower.offline.broker import BrokerError, TopicTail
from controltower.offline.recording import RecordingError, RecordingWriter
from controltower.streaming.stage import Record
from schemas.topics import TOPICS, Role

#: The embedded broker forgets, so what is judged at the end is kept while it runs: all but the states.
KEPT = tuple(topic.name for topic in TOPICS if topic.role is not Role.CHANGELOG)
_PAUSE_S = 0.1
#: The broker lives beside us and has better to do than to be asked for news a hundred times a second.
_PATIENCE_MS = 100


class Tail(threading.Thread):
    """Hold `lock` while reading `board`."""

    def __init__(self, brokers: str, partitions: int, folder: Path) -> None:
        super().__init__(name="tail", daemon=True)
        self._brokers, self._partitions, self._folder = brokers, partitions, folder
        self._stopped = threading.Event()
        self.board = Board()
        self.lock = threading.Lock()
        self._found_s = time.monotonic()
        self.failure: str | None = None

    @property
    def quiet_s(self) -> float:
        """Seconds since the last record was read."""
        return time.monotonic() - self._found_s

    def stop(self) -> None:
        """Read what is there now, then close the files. Returns when that is done."""
        self._stopped.set()
        self.join()

    def run(self) -> None:
        try:
            with RecordingWriter(self._folder, self._partitions, dict.fromkeys(KEPT)) as writer:
                reader = TopicTail(self._brokers, {}, KEPT, self._partitions, patience_ms=_PATIENCE_MS)
                try:
                    while not self._stopped.wait(_PAUSE_S):
                        self._take(reader.read_on(_PAUSE_S), writer)
                    self._take(reader.catch_up(), writer)
                finally:
                    reader.close()
        except (BrokerError, RecordingError, OSError, msgspec.MsgspecError) as failed:
            self.failure = f"the outputs cannot be read: {failed}"

    def _take(self, records: Iterable[Record], writer: RecordingWriter) -> None:
        for record in records:
            writer.append(record)
            with self.lock:
                self.board.take(record)
            self._found_s = time.monotonic()
