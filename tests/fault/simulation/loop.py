"""An event loop without a clock or threads of its own: one per simulated process, turned by the simulator."""

from __future__ import annotations

import asyncio
import heapq
from asyncio import events
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class Job:
    """A call that runs in a thread: a generator that stops wherever something else may happen."""

    steps: Generator[None, None, Any]
    future: asyncio.Future[Any]


class SimulatedLoop(asyncio.AbstractEventLoop):
    """`now_s` gives the time. A loop that is not turned is a process that was stopped or killed."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._ready: deque[events.Handle] = deque()
        self._timers: list[tuple[float, int, events.TimerHandle]] = []
        self._timer_number = 0
        self._begun: list[Coroutine[Any, Any, Any]] = []
        self.jobs: list[Job] = []
        self.errors: list[str] = []

    def turn(self) -> bool:
        """Run what is ready once; True if anything was."""
        while self._timers and self._timers[0][0] <= self._now_s():
            self._ready.append(heapq.heappop(self._timers)[2])
        turns = len(self._ready)
        events._set_running_loop(self)
        try:
            for _ in range(turns):
                handle = self._ready.popleft()
                if not handle._cancelled:
                    handle._run()
        finally:
            events._set_running_loop(None)
        return turns > 0

    @property
    def has_work(self) -> bool:
        due = self.next_timer_s()
        return bool(self._ready) or (due is not None and due <= self._now_s())

    def next_timer_s(self) -> float | None:
        """When the next timer is due; None: there is none."""
        while self._timers and self._timers[0][2]._cancelled:
            heapq.heappop(self._timers)
        return self._timers[0][0] if self._timers else None

    def advance(self, job: Job) -> None:
        """One step of a thread."""
        try:
            next(job.steps)
        except StopIteration as done:
            self.jobs.remove(job)
            if not job.future.done():
                job.future.set_result(done.value)
        except Exception as failed:
            self.jobs.remove(job)
            if not job.future.done():
                job.future.set_exception(failed)

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]
        """func must return a generator: the steps of the blocking call."""
        job = Job(func(*args), self.create_future())
        self.jobs.append(job)
        return job.future

    def time(self) -> float:
        return self._now_s()

    def call_soon(self, callback: Any, *args: Any, context: Any = None) -> events.Handle:  # type: ignore[override]
        handle = events.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_at(self, when: float, callback: Any, *args: Any, context: Any = None) -> events.TimerHandle:  # type: ignore[override]
        handle = events.TimerHandle(when, callback, args, self, context)
        self._timer_number += 1
        heapq.heappush(self._timers, (when, self._timer_number, handle))
        return handle

    def call_later(self, delay: float, callback: Any, *args: Any, context: Any = None) -> events.TimerHandle:  # type: ignore[override]
        return self.call_at(self._now_s() + delay, callback, *args, context=context)

    def _timer_handle_cancelled(self, handle: events.TimerHandle) -> None:
        """Cancelled timers are passed over."""

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(self, coro: Coroutine[Any, Any, Any], **named: Any) -> asyncio.Task[Any]:  # type: ignore[override]
        self._begun.append(coro)
        return asyncio.Task(coro, loop=self, **named)

    def discard(self) -> None:
        """The process is gone: nothing of it runs any more."""
        for coro in self._begun:
            coro.close()
        for job in self.jobs:
            job.steps.close()
        self._ready.clear()
        self._timers.clear()

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """A task that a kill has interrupted is no error; an exception nobody awaited is."""
        if context.get("exception") is not None:
            self.errors.append(repr(context["exception"]))
