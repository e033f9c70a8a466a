"""Boards of the read model, read at most twice a second however many screens ask."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final

from controltower.readmodel.board import DECODE_LINES, Line
from controltower.readmodel.store import Store

#: A screen refreshes every few seconds; half a second of age is not seen, and bounds what Redis is asked.
FRESH_FOR_S: Final = 0.5


@dataclass(slots=True, frozen=True)
class Board:
    """The lines of one kind as they stood at one moment."""

    lines: list[Line]
    #: changes whenever any line changed
    digest: str
    read_at_s: float


class Boards:
    """Reads boards from the store and keeps each for FRESH_FOR_S. Thread-safe.

    now_s: a clock that never goes back.
    """

    def __init__(self, store: Store, now_s: Callable[[], float]) -> None:
        self._store = store
        self._now_s = now_s
        self._kept: dict[str, Board] = {}
        self._reading = {kind: threading.Lock() for kind in DECODE_LINES}

    def read(self, kind: str) -> Board:
        """The board of a kind; one reader at a time asks the store. Raises StoreDown."""
        with self._reading[kind]:
            kept = self._kept.get(kind)
            if kept is not None and self._now_s() - kept.read_at_s < FRESH_FOR_S:
                return kept
            board = self._kept[kind] = _decode(kind, self._store.lines(kind), kept, self._now_s())
            return board


def _decode(kind: str, lines: list[bytes], kept: Board | None, now_s: float) -> Board:
    body = b"[" + b",".join(sorted(lines)) + b"]"
    digest = blake2b(body, digest_size=12).hexdigest()
    if kept is not None and kept.digest == digest:
        return Board(kept.lines, digest, now_s)
    decoded: Any = DECODE_LINES[kind](body)
    return Board(decoded, digest, now_s)
