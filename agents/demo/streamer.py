"""Streams a simulated day into the intake, as fast as wanted, with the times of the day in its headers."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable

from agents.publisher import Pace, Publisher
from controltower.offline.broker import BrokerError
from controltower.offline.intake_records import arrival_record, mark_records, plan_records, planned_end_ms
from controltower.offline.timeline import PLANS_AHEAD_MS, Mark, with_marks
from controltower.simulate.day import Day
from controltower.streaming.stage import Out

#: Reports go out in bursts of so much wall time: the embedded broker hands out one batch a fetch, so that
#: single records would keep every stage busy with transactions.
_BURST_S = 0.25
#: About five seconds' and two seconds' worth of records of all stages at the usual speed.
_HOLD_FROM, _FLOW_BELOW = 5000, 2000


class Streamer(threading.Thread):
    """One day at `speed` seconds a second. `open_day` comes first; then start the thread."""

    def __init__(self, brokers: str, day: Day, partitions: int, speed: float) -> None:
        super().__init__(name="streamer", daemon=True)
        self._publisher = Publisher(brokers, {})
        self._day, self._partitions, self._speed = day, partitions, speed
        self._stopped = threading.Event()
        self._flows = threading.Event()
        self._flows.set()
        self._lock = threading.Lock()
        self.sent = 0
        self.clock_ms = day.starts_at_ms
        self.finished = False
        self.failure: str | None = None

    def open_day(self) -> None:
        """Publish the plans, and move the clock of every source to the day before a stage can read it.

        A source without any record would tick the wall's time, which is not the day's. Raises BrokerError.
        """
        opens_at_ms = self._day.starts_at_ms - PLANS_AHEAD_MS
        self._publisher.send(mark_records(Mark(opens_at_ms), self._partitions))
        self._publisher.send(plan_records(self._day.plans, opens_at_ms))
        self.sent += len(self._day.plans)
        self._publisher.flush()

    def answer(self, outs: Iterable[Out]) -> None:
        """Publish what others write while the day goes on."""
        answers = list(outs)
        self._publisher.send(answers)
        with self._lock:
            self.sent += len(answers)

    @property
    def held(self) -> bool:
        return not self._flows.is_set()

    def hold(self, behind: int) -> None:
        """Stop the clock of the city while the stages are so many records behind.

        The embedded broker keeps 5 MB a partition: a machine that is too busy for this speed would lose what
        no stage has read yet, and tell delays of the queue instead of its own.
        """
        if behind > _HOLD_FROM:
            self._flows.clear()
        elif behind < _FLOW_BELOW:
            self._flows.set()

    def stop(self) -> None:
        """Leave the rest of the day out."""
        self._stopped.set()
        self._flows.set()

    def run(self) -> None:
        try:
            self._stream()
            self._publisher.flush()
        except BrokerError as failed:
            self.failure = str(failed)
        self.finished = True

    def _stream(self) -> None:
        pace = Pace(self._day.starts_at_ms, self._speed, sleep=self._sleep)
        burst_ms = max(1, round(_BURST_S * 1000 * self._speed))
        for event in with_marks(self._day.arrivals, planned_end_ms(self._day.plans)):
            if self.held:
                pace.postpone(self._wait_for_stages())
            if self._stopped.is_set():
                return
            at_ms = event.at_ms if isinstance(event, Mark) else event.received_at_ms
            if not (isinstance(event, Mark) and event.tail):
                pace.wait_for(-(-at_ms // burst_ms) * burst_ms, self._publisher.poll)
            if isinstance(event, Mark):
                self._publisher.send(mark_records(event, self._partitions))
            else:
                self._publisher.send([arrival_record(event, self._partitions)])
                with self._lock:
                    self.sent += 1
            self.clock_ms = at_ms

    def _wait_for_stages(self) -> float:
        """Seconds waited."""
        began_s = time.monotonic()
        while not self._flows.wait(0.1):
            self._publisher.poll()
        return time.monotonic() - began_s

    def _sleep(self, seconds: float) -> None:
        self._stopped.wait(seconds)
