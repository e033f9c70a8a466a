"""The newest rejections of each feed, kept from the topic dead-letters by a thread that reads it."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any, Final

from controltower.clock import instant_of
from controltower.deadletters.letter import Letter, NotALetter, read_letter
from controltower.streaming.client import tail_topics
from controltower.streaming.exits import StageStopped
from controltower.streaming.stage import Record
from schemas.topics import CARRIER_EVENTS, DEAD_LETTERS

#: Kept per feed; older ones are in the topic for a week.
MOST_LETTERS: Final = 200
#: How far back is read at the start.
BACK_MS: Final = 24 * 3600 * 1000
_AGAIN_S: Final = 5.0


class Rejections:
    """Newest letters per feed. A letter belongs to the feed that its header named; others show nothing."""

    def __init__(self, feeds: Iterable[str]) -> None:
        self._letters = {feed: deque[Letter](maxlen=MOST_LETTERS) for feed in feeds}
        self._lock = threading.Lock()

    def take(self, record: Record) -> None:
        try:
            letter = read_letter(record)
        except NotALetter:
            return
        kept = self._letters.get(letter.feed) if letter.source.topic == CARRIER_EVENTS else None
        if kept is not None:
            with self._lock:
                kept.append(letter)

    def newest(self, feed: str, limit: int) -> list[dict[str, Any]]:
        """Newest first: when, why, and where the original stands. Never the payload."""
        with self._lock:
            letters = list(self._letters[feed])
        letters.sort(key=lambda letter: letter.rejected_at_ms, reverse=True)
        return [_shown(letter) for letter in letters[:limit]]


def _shown(letter: Letter) -> dict[str, Any]:
    return {
        "rejected_at": instant_of(letter.rejected_at_ms).isoformat(),
        "reason": letter.reason,
        "detail": letter.detail,
        "source": str(letter.source),
        "bytes": letter.omitted_bytes if letter.omitted_bytes is not None else len(letter.value or b""),
    }


class RejectionReader:
    """Reads dead-letters from a day ago on until `close`; starts again when the broker was away."""

    def __init__(
        self, brokers: str, security: Mapping[str, str], rejections: Rejections, since_ms: int
    ) -> None:
        self._ended = threading.Event()
        arguments = (brokers, security, rejections, since_ms)
        self._thread = threading.Thread(target=self._read, args=arguments, name="rejections", daemon=True)
        self._thread.start()

    def _read(self, brokers: str, security: Mapping[str, str], rejections: Rejections, since_ms: int) -> None:
        while not self._ended.is_set():
            try:
                tail = tail_topics(
                    brokers, [DEAD_LETTERS], self._ended.is_set, security=security, since_ms=since_ms
                )
                for record in tail:
                    since_ms = record.timestamp_ms + 1
                    rejections.take(record)
            except StageStopped:
                time.sleep(_AGAIN_S)

    def close(self) -> None:
        self._ended.set()
        self._thread.join(5.0)
