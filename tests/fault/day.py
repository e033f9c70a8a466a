"""The day that flows through the tower while it is being broken: simulated, and streamed by a thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Sequence

from agents.publisher import Publisher
from controltower.intake import Payload
from controltower.offline.intake_records import arrival_record, mark_records, plan_records, planned_end_ms
from controltower.offline.timeline import PLANS_AHEAD_MS, Mark, with_marks
from controltower.simulate.day import Day, simulate_day
from controltower.streaming.stage import Out
from schemas.wire import Plan

PARTITIONS = 4
#: Up to this share of the day it flows evenly. The rest comes slower and slower, so that a day does not end
#: before all faults are injected, however long that takes on a busy machine.
_EVEN = 0.7


def small_day(seed: int, vans: int) -> Day:
    """A few vans of two carriers over some hours: about 800 payloads per van."""
    return simulate_day(seed, vans=vans, parcels=50 * vans)


class DayStream:
    """Streams a day, in a thread: most of it within `wall_s` seconds, the rest when `finish` is called."""

    def __init__(self, brokers: str, plans: Sequence[Plan], arrivals: Sequence[Payload], wall_s: float):
        self._brokers, self.plans, self.arrivals = brokers, plans, arrivals
        self.opens_at_ms = arrivals[0].received_at_ms - PLANS_AHEAD_MS
        lasts_s = (arrivals[-1].received_at_ms - self.opens_at_ms) / 1000
        self._lasts_ms = 1000 * lasts_s
        #: seconds of the day in one second, while it flows evenly; may be changed while it flows
        self.speed = lasts_s / wall_s
        #: payloads and marks published so far
        self.sent = 0
        self._hurried = threading.Event()
        self._cut = threading.Event()
        self._failed: Exception | None = None
        self._thread = threading.Thread(target=self._stream, name="day", daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def flows(self) -> bool:
        """Whether there is still something to come."""
        return self._thread.is_alive()

    @property
    def ends_at_ms(self) -> int:
        """When the last payload arrives."""
        return self.arrivals[-1].received_at_ms

    def hurry(self) -> None:
        self._hurried.set()

    def cut(self) -> None:
        """End the stream where it is."""
        self._cut.set()
        self.finish()

    def finish(self, limit_s: float = 180.0) -> None:
        """Return once everything is at the broker; raises what went wrong on the way."""
        self.hurry()
        self._thread.join(limit_s)
        if self._failed is not None:
            raise self._failed
        assert not self._thread.is_alive(), f"the day was not published within {limit_s:.0f} s"

    def _stream(self) -> None:
        try:
            self._publish(Publisher(self._brokers, {}))
        except Exception as failed:  # handed to the thread that waits for the end of the day
            self._failed = failed

    def _publish(self, publisher: Publisher) -> None:
        publisher.send(mark_records(Mark(self.opens_at_ms), PARTITIONS))
        publisher.send(plan_records(self.plans, self.opens_at_ms))
        publisher.flush()
        due_s, before_ms = time.monotonic(), self.opens_at_ms
        for event in with_marks(self.arrivals, planned_end_ms(self.plans)):
            at_ms = event.at_ms if isinstance(event, Mark) else event.received_at_ms
            due_s += (at_ms - before_ms) / 1000 / self._speed_at(before_ms)
            before_ms = at_ms
            self._wait_until(due_s, publisher)
            if self._cut.is_set():
                break
            publisher.send(_records(event))
            self.sent += 1
        publisher.flush()

    def _speed_at(self, at_ms: int) -> float:
        """Falls with the square of what is left, so the end is never reached."""
        left = max(1e-3, 1 - (at_ms - self.opens_at_ms) / self._lasts_ms)
        return self.speed * min(1.0, left / (1 - _EVEN)) ** 2

    def _wait_until(self, due_s: float, publisher: Publisher) -> None:
        while not self._hurried.is_set() and (wait_s := due_s - time.monotonic()) > 0.005:
            publisher.poll()
            self._hurried.wait(min(wait_s, 1.0))


def _records(event: Payload | Mark) -> Iterable[Out]:
    if isinstance(event, Mark):
        return mark_records(event, PARTITIONS)
    return [arrival_record(event, PARTITIONS)]
