"""One stage process, from its checks to its exit code."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, NoReturn

import structlog

from controltower.streaming.connection import Connection
from controltower.streaming.exits import Exit, Refused, RestartMe, StageStopped
from controltower.streaming.limits import StreamLimits
from controltower.streaming.observer import NullObserver, StreamObserver
from controltower.streaming.ownership import Ownership
from controltower.streaming.patched.app import StageApp, build_app
from controltower.streaming.preflight import check_faust_version, wait_for_topics
from controltower.streaming.stage import StageSpec
from controltower.streaming.topic_watch import TopicWatch
from controltower.streaming.watchdog import Watchdog

log = structlog.get_logger(__name__)

#: So many more objects that may refer to others than before, until those among them that only refer to each
#: other are looked for. A fetch on its way holds thousands, with Python's own 700 nearly all looks are at
#: these, and none is ever found: it was a tenth of normalize.
_YOUNG_OBJECTS: Final = 50_000


def run_stage(
    spec: StageSpec,
    *,
    brokers: str,
    app_id: str,
    observer: StreamObserver | None = None,
    security: Mapping[str, str] | None = None,
    limits: StreamLimits | None = None,
    embedded: bool = False,
) -> int:
    """Run the stage until SIGTERM or SIGINT and return its exit code.

    Call it in the main thread. Once the stage has joined its group, the process ends right here (os._exit
    after flushing), also after a clean stop: client threads may hang in whatever went wrong.
    """
    connection = Connection(spec, brokers, app_id, security or {}, limits or StreamLimits(), embedded)
    stop = threading.Event()
    handlers = {s: signal.signal(s, lambda *_: stop.set()) for s in (signal.SIGTERM, signal.SIGINT)}
    try:
        check_faust_version()
        wait_for_topics(connection, stop.wait)
        if not stop.is_set():
            _run_joined(connection, observer or NullObserver())
        return Exit.CLEAN
    except StageStopped as stopped:
        if stop.is_set():
            return Exit.CLEAN
        tell(spec.name, stopped)
        return stopped.code
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _run_joined(connection: Connection, observer: StreamObserver) -> None:
    _choose_loop()
    gc.set_threshold(_YOUNG_OBJECTS, *gc.get_threshold()[1:])
    try:
        asyncio.run(_StageProcess(connection, observer).run())
    except BaseException:  # an error in our own frame: threads of the clients would keep the process
        traceback.print_exc()
        end_process(Exit.RESTART)


def _choose_loop() -> None:
    """uvloop for the main loop and the consumer's, where there is one: a quarter of what a fetch costs."""
    try:
        import uvloop
    except ImportError:  # Windows
        return
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())


def tell(stage: str, stopped: StageStopped) -> None:
    """One line on standard error, and the way out below it."""
    print(f"{stage}: {stopped}", file=sys.stderr)
    if stopped.hint:
        print(f"  hint: {stopped.hint}", file=sys.stderr)


def end_process(code: int) -> NoReturn:
    """Leave at once, with what was logged: no transaction is committed after this."""
    with contextlib.suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def _crash(reason: BaseException | None) -> StageStopped:
    """What to do about an error that ended Faust's consumer."""
    if type(reason).__name__ == "UnsupportedCodecError":
        return Refused(f"an input cannot be read: {reason}", "pip install cramjam")
    if type(reason).__name__ == "OffsetOutOfRangeError":
        return RestartMe("an input was deleted from the log before it was read")  # the start refuses it
    return RestartMe(f"Faust crashed: {reason!r}")


class _StageProcess:
    def __init__(self, connection: Connection, observer: StreamObserver) -> None:
        self._connection = connection
        self._observer = observer
        self._stop = asyncio.Event()
        self._failure: StageStopped | None = None
        self._pool = ThreadPoolExecutor(16, thread_name_prefix="kafka")
        self._ownership = Ownership(connection, self._pool, observer, self._fail)
        limits = connection.limits
        self._busy_since: float | None = None
        self._busy_s = 0.0
        self._watchdog = Watchdog(limits.stuck_loop_s, self._find_fault, self._stuck)

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        self._watchdog.start()
        app = build_app(self._connection, self._ownership)
        starting = asyncio.create_task(app.start())
        ticking = asyncio.gather(self._beat(app), self._show_lag(), self._look_at_topics())
        starting.add_done_callback(self._started)
        await self._stop.wait()
        if self._failure is not None:
            self._end(self._failure)
        await self._leave(app, ticking)

    async def _leave(self, app: StageApp, ticking: asyncio.Future[Any]) -> None:
        """Stop fetching, finish what is in flight, leave the group, all within the limit."""
        ticking.cancel()
        log.info("stopping", stage=self._connection.spec.name)
        try:
            async with asyncio.timeout(self._connection.limits.stop_s):
                await self._ownership.stop()
                await app.stop()
        except TimeoutError:
            log.warning("left_without_the_group", stage=self._connection.spec.name)
        if self._failure is not None:
            self._end(self._failure)
        log.info("stopped", stage=self._connection.spec.name)
        end_process(Exit.CLEAN)

    def _started(self, starting: asyncio.Task[None]) -> None:
        if not starting.cancelled() and starting.exception() is not None:
            self._fail(RestartMe(f"Faust did not start: {starting.exception()!r}"))

    async def _beat(self, app: StageApp) -> None:
        """The loop turns: waits for nobody, so it beats also while the broker hangs."""
        while True:
            self._watchdog.beat()
            self._observer.beat()
            if app.crashed:
                self._fail(_crash(app.crash_reason))
            await asyncio.sleep(1.0)

    async def _show_lag(self) -> None:
        shown_at = 0.0
        while True:
            now = time.monotonic()
            commit = now - shown_at >= self._connection.limits.show_lag_every_s
            if self._ownership.ready:
                await self._ownership.show_lag(commit)
                shown_at = now if commit else shown_at
            await asyncio.sleep(1.0)

    async def _look_at_topics(self) -> None:
        """A fetch goes by the topic's name, so one created again would be read on from the old offset.

        Who gets no answer is not ready: what a fetch finds out, only a long wait would tell.
        """
        watch = TopicWatch(self._connection)
        while not self._connection.embedded:
            await asyncio.sleep(self._connection.limits.look_at_topics_every_s)
            try:
                loop = asyncio.get_running_loop()
                answered = await loop.run_in_executor(self._pool, watch.look, self._ownership.topic_ids())
                self._ownership.broker_heard(answered)
            except StageStopped as stopped:
                self._fail(stopped)

    def _find_fault(self, seconds: float) -> str | None:
        """From the watchdog's thread, which says how much the last second counts: plain reads only."""
        limits = self._connection.limits
        waited_s = time.monotonic() - self._ownership.progressed_at
        if not self._ownership.ready and waited_s > limits.unready_s:
            return f"not ready for {waited_s:.0f} s"
        since = self._ownership.busy_since()
        if since is None or since != self._busy_since:
            self._busy_since, self._busy_s = since, 0.0
            return None
        self._busy_s += seconds
        if self._busy_s > 2 * limits.broker_call_s:
            return f"a transaction has been open for {self._busy_s:.0f} s"
        return None

    def _fail(self, stopped: StageStopped) -> None:
        if self._failure is None:
            self._failure = stopped
        self._stop.set()

    def _stuck(self, fault: str) -> None:
        self._end(RestartMe(fault))

    def _end(self, failure: StageStopped) -> NoReturn:
        cause = failure.__cause__
        log.error("stage_ends", stage=self._connection.spec.name, code=int(failure.code), exc_info=cause)
        tell(self._connection.spec.name, failure)
        end_process(failure.code)
