"""What waits in one partition, between the stage's loop and the courier's thread."""

from __future__ import annotations

import heapq
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable

from controltower.sinks.delivery import Attempt, Delivery


class Outbox:
    """Thread-safe. A delivery is with the courier from `take` until its attempt is told back.

    `told` is called, from any thread, when there is something new for the courier.
    """

    def __init__(self, told: Callable[[], None]) -> None:
        self._told = told
        self._lock = threading.Lock()
        self._waiting: dict[str, list[tuple[int, bytes]]] = defaultdict(list)
        self._deliveries: dict[bytes, Delivery] = {}
        self._attempts: list[tuple[Delivery, Attempt]] = []
        self.open = False

    def put(self, deliveries: Iterable[Delivery]) -> None:
        """New ones, or ones that are to be tried again."""
        with self._lock:
            for delivery in deliveries:
                self._deliveries[delivery.key] = delivery
                heapq.heappush(self._waiting[delivery.sink], (delivery.due_ms, delivery.key))
        self._told()

    def owes(self, sink: str, now_ms: int) -> bool:
        """Whether something is due."""
        with self._lock:
            waiting = self._waiting[sink]
            return self.open and bool(waiting) and waiting[0][0] <= now_ms

    def take(self, sink: str, now_ms: int, most: int) -> list[Delivery]:
        """What is due until now_ms, longest due first."""
        with self._lock:
            waiting, taken = self._waiting[sink], list[Delivery]()
            while self.open and waiting and len(taken) < most and waiting[0][0] <= now_ms:
                _, key = heapq.heappop(waiting)
                delivery = self._deliveries.pop(key, None)
                if delivery is not None:
                    taken.append(delivery)
            return taken

    def remove(self, key: bytes) -> Delivery | None:
        """One that waits; None while it is with the courier."""
        with self._lock:
            return self._deliveries.pop(key, None)

    def tell(self, attempts: Iterable[tuple[Delivery, Attempt]]) -> None:
        """From the courier: how it went."""
        with self._lock:
            self._attempts += attempts

    def attempts(self) -> list[tuple[Delivery, Attempt]]:
        """What was told since the last time."""
        with self._lock:
            told, self._attempts = self._attempts, []
            return told
