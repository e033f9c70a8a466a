"""The newest of each thing: whatever is repeated or late, the highest seq wins."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Latest(Generic[T]):
    """id -> (seq, value). Order, copies and replays do not change the result."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[int, T]] = {}

    def take(self, name: str, seq: int, value: T) -> bool:
        """True where this says more than what was known."""
        known = self._kept.get(name)
        if known is not None and seq <= known[0]:
            return False
        self._kept[name] = (seq, value)
        return True

    def drop(self, name: str) -> None:
        """A tombstone: nobody hears of it again."""
        self._kept.pop(name, None)

    def values(self) -> Iterator[T]:
        """What is known, in the order in which ids came first."""
        return (value for _, value in self._kept.values())

    def __len__(self) -> int:
        return len(self._kept)
