"""The day that flows through the tower while it is being broken: simulated, and streamed by a thread."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence

from agents.publisher import Pace, Publisher
from controltower.intake import Payload
from controltower.offline.intake_records import arrival_record, mark_records, plan_records, planned_end_ms
from controltower.offline.timeline import PLANS_AHEAD_MS, Mark, with_marks
from controltower.simulate.day import Day, simulate_day
from controltower.streaming.stage import Out
from schemas.wire import Plan

PARTITIONS = 4


def small_day(seed: int, vans: int) -> Day:
    """A few vans of two carriers over some hours: about 800 payloads per van."""
    return simulate_day(seed, vans=vans, parcels=50 * vans)


class DayStream:
    """Streams a day within `wall_s` seconds, in a thread; `hurry` publishes the rest at once."""

    def __init__(self, brokers: str, plans: Sequence[Plan], arrivals: Sequence[Payload], wall_s: float):
        self._brokers, self._plans, self._arrivals = brokers, plans, arrivals
        self._opens_at_ms = arrivals[0].received_at_ms - PLANS_AHEAD_MS
        lasts_s = (arrivals[-1].received_at_ms - self._opens_at_ms) / 1000
        self.speed = lasts_s / wall_s
        self._hurried = threading.Event()
        self._failed: Exception | None = None
        self._thread = threading.Thread(target=self._stream, name="day", daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def flows(self) -> bool:
        """Whether there is still something to come."""
        return self._thread.is_alive()

    def hurry(self) -> None:
        self._hurried.set()

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
        publisher.send(mark_records(Mark(self._opens_at_ms), PARTITIONS))
        publisher.send(plan_records(self._plans, self._opens_at_ms))
        publisher.flush()
        pace = Pace(self._opens_at_ms, self.speed, sleep=lambda seconds: _wait(self._hurried, seconds))
        for event in with_marks(self._arrivals, planned_end_ms(self._plans)):
            at_ms = event.at_ms if isinstance(event, Mark) else event.received_at_ms
            if not self._hurried.is_set() and not (isinstance(event, Mark) and event.tail):
                self._wait_for(pace, at_ms, publisher)
            publisher.send(_records(event))
        publisher.flush()

    def _wait_for(self, pace: Pace, at_ms: int, publisher: Publisher) -> None:
        try:
            pace.wait_for(at_ms, publisher.poll)
        except _Hurried:
            return


class _Hurried(Exception):
    """No more waiting."""


def _wait(hurried: threading.Event, seconds: float) -> None:
    if hurried.wait(seconds):
        raise _Hurried


def _records(event: Payload | Mark) -> Iterable[Out]:
    if isinstance(event, Mark):
        return mark_records(event, PARTITIONS)
    return [arrival_record(event, PARTITIONS)]
