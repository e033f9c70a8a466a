"""When something is due for a shipment: a queue that is looked at when the partition's clock moves."""

from __future__ import annotations

import heapq
from collections.abc import Callable


class DueQueue:
    """One live entry per shipment. A due time that moved later is only noticed when the entry comes up."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, str]] = []
        self._due_of: dict[str, int] = {}

    def schedule(self, shipment_id: str, due_ms: int) -> None:
        """Make sure that the shipment comes up at `due_ms` or earlier."""
        if due_ms < self._due_of.get(shipment_id, due_ms + 1):
            self._due_of[shipment_id] = due_ms
            heapq.heappush(self._heap, (due_ms, shipment_id))

    def cancel(self, shipment_id: str) -> None:
        """It does not come up any more, unless it is scheduled again."""
        self._due_of.pop(shipment_id, None)

    def take_due(self, now_ms: int, due_of: Callable[[str], int]) -> list[str]:
        """The shipments whose true due time, `due_of`, is not after `now_ms`."""
        due: list[str] = []
        while self._heap and self._heap[0][0] <= now_ms:
            entry_ms, shipment_id = heapq.heappop(self._heap)
            if self._due_of.get(shipment_id) != entry_ms:
                continue
            del self._due_of[shipment_id]
            true_ms = due_of(shipment_id)
            if true_ms <= now_ms:
                due.append(shipment_id)
            else:
                self.schedule(shipment_id, true_ms)
        return due
