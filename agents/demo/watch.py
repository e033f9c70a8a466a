"""Shows the running demo until the day is over and everything in it is worked off."""

from __future__ import annotations

import time
from contextlib import ExitStack

from rich.console import Console
from rich.live import Live

from agents.demo.probe import Readings, ask_stages
from agents.demo.stages import Stages
from agents.demo.streamer import Streamer
from agents.demo.tail import Tail
from agents.demo.view import Moment, render_line, render_live
from agents.errors import CommandError
from controltower.dispatching.reference import Dispatcher
from schemas.vocabulary import Transition

#: After the last record the stages may take so long to finish; quiet for the shorter time is finished.
_FINISH_LIMIT_S = 30.0
_QUIET_S = 1.5
_PROBE_EVERY_S = 1.0
_LINE_EVERY_S = 5.0
_FRAME_S = 0.25


class Fault(CommandError):
    """The demo cannot go on."""

    code = 1


def raise_fault(fault: str | None) -> None:
    """Raises Fault where there is one."""
    if fault:
        raise Fault(fault)


class Watch:
    """Looks a few times a second. `started_s` is the demo's start on the monotonic clock."""

    def __init__(
        self,
        console: Console,
        started_s: float,
        stages: Stages,
        streamer: Streamer,
        tail: Tail,
        *,
        plain: bool,
    ) -> None:
        self._console, self._started_s = console, started_s
        self._stages, self._streamer, self._tail = stages, streamer, tail
        self._live: Live | None = None
        if console.is_terminal and not plain:
            self._live = Live(console=console, auto_refresh=False, transient=True)
        self._dispatcher = Dispatcher()
        self._readings = Readings()
        self._probed_s = self._told_s = self._counted_s = 0.0
        self._counted = 0
        self._per_s = 0.0
        self._announced = False

    def until_over(self) -> Readings:
        """The last readings of the stages' metrics. Raises Fault when a part of the demo fails."""
        finished_s: float | None = None
        with ExitStack() as stack:
            if self._live:
                stack.enter_context(self._live)
            while not self._is_over(finished_s):
                if self._streamer.finished and finished_s is None:
                    finished_s = time.monotonic()
                raise_fault(self._stages.find_fault() or self._streamer.failure or self._tail.failure)
                self._look()
                time.sleep(_FRAME_S)
        return ask_stages(self._stages.ports)

    def _is_over(self, finished_s: float | None) -> bool:
        if finished_s is None:
            return False
        waited_s = time.monotonic() - finished_s
        is_read = self._readings.received >= self._streamer.sent
        is_quiet = min(waited_s, self._tail.quiet_s) > _QUIET_S
        return (is_read and is_quiet) or waited_s > _FINISH_LIMIT_S

    def _look(self) -> None:
        moment = self._measure(time.monotonic())
        board = self._tail.board
        with self._tail.lock:
            self._announce()
            actions = list(board.actions.values())
            if self._live:
                self._live.update(render_live(moment, board), refresh=True)
            elif moment.elapsed_s - self._told_s >= _LINE_EVERY_S:
                self._told_s = moment.elapsed_s
                self._console.print(render_line(moment, board), markup=False, soft_wrap=True)
        if not self._streamer.finished:
            self._streamer.answer(self._dispatcher.answer(actions, self._streamer.clock_ms))

    def _measure(self, now_s: float) -> Moment:
        sent = self._streamer.sent
        if now_s - self._probed_s >= _PROBE_EVERY_S:
            self._readings, self._probed_s = ask_stages(self._stages.ports), now_s
            self._streamer.hold(sum(self._readings.lag.values()))
            self._per_s = (sent - self._counted) / max(0.001, now_s - self._counted_s)
            self._counted, self._counted_s = sent, now_s
        elapsed_s = now_s - self._started_s
        lag, ready = self._readings.lag, self._readings.ready
        held = self._streamer.held
        return Moment(elapsed_s, self._streamer.clock_ms, sent, self._per_s, lag, ready, held)

    def _announce(self) -> None:
        if self._announced or not self._tail.board.history:
            return
        self._announced = True
        first = next(e for e in self._tail.board.history if e.transition is Transition.OPENED)
        elapsed_s = time.monotonic() - self._started_s
        text = f"{elapsed_s:5.1f} s  first exception: {first.code} on {first.subject_id}"
        self._console.print(text, markup=False, soft_wrap=True)
