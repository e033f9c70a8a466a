"""The current state of one of our compacted topics."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from controltower.client.kept import Kept
from schemas.topics import DISPATCH, EXCEPTIONS, ROUTE_STATUS

#: What tells the records of a topic apart.
ID_FIELDS: Final = {EXCEPTIONS: "exception_id", DISPATCH: "action_id", ROUTE_STATUS: "route_id"}
#: A record as plain JSON: what a later version adds stands in it too.
Content = dict[str, Any]


class _Head(msgspec.Struct):
    seq: int


_head = msgspec.json.Decoder(_Head).decode


class State:
    """Keeps the record with the highest seq per id.

    file: where it lasts, with the positions up to which the topic is in it; none: in memory. Whatever is
    folded twice changes nothing.
    """

    def __init__(self, topic: str, file: Path | str | None = None) -> None:
        """Raises ValueError for a topic that has no current state, OSError for a file that can't be used."""
        if topic not in ID_FIELDS:
            raise ValueError(f"{topic} has no current state; these have: {', '.join(ID_FIELDS)}")
        self.topic = topic
        self._id_field = ID_FIELDS[topic]
        self._kept = Kept(file)

    @property
    def positions(self) -> dict[int, int]:
        """partition -> the next offset to fold."""
        return self._kept.positions

    def fold(self, key: bytes | None, value: bytes | None) -> Content | None:
        """The record where it is news; None for what is repeated, late, or no record of ours.

        A null value is a tombstone: the id is forgotten.
        """
        if value is None:
            self._kept.put((key or b"").decode(errors="replace"), None)
            return None
        try:
            content = msgspec.json.decode(value)
            name, seq = content[self._id_field], _head(value).seq
        except (msgspec.DecodeError, UnicodeDecodeError, KeyError, TypeError):
            return None
        known = self._kept.records.get(name)
        if known is not None and seq <= _head(known).seq:
            return None
        self._kept.put(name, value)
        return dict(content)

    def save(self) -> None:
        """Records and positions into the file, all or nothing."""
        self._kept.save()

    def find(self, name: str) -> Content | None:
        """The latest record with this id."""
        value = self._kept.records.get(name)
        return None if value is None else msgspec.json.decode(value)

    def __iter__(self) -> Iterator[Content]:
        return (msgspec.json.decode(value) for value in self._kept.records.values())

    def __len__(self) -> int:
        return len(self._kept.records)
