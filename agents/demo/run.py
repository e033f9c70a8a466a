"""The demo from start to end: servers, stages, the day, the view, the verdict."""

from __future__ import annotations

import signal
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from rich.console import Console
from rich.live import Live

from agents.demo.probe import Readings, ask_stages
from agents.demo.stages import Stages
from agents.demo.streamer import Streamer
from agents.demo.summary import account, tell_accounting, tell_actions, tell_latency, tell_scores
from agents.demo.tail import Tail
from agents.demo.view import Moment, render_line, render_live
from agents.errors import CommandError
from controltower.embedded.broker import PARTITIONS, EmbeddedBroker
from controltower.embedded.redis import EmbeddedRedis
from controltower.simulate.day import Day, simulate_day
from controltower.simulate.recording import write_truth
from controltower.simulate.scoring import CODES_OF, score
from schemas.topics import STAGES, TOPICS
from schemas.vocabulary import Transition

_READY_LIMIT_S = 60.0
#: After the last record the stages may take so long to finish; quiet for the shorter time is finished.
_FINISH_LIMIT_S = 30.0
_QUIET_S = 1.5
_PROBE_EVERY_S = 1.0
_LINE_EVERY_S = 5.0
_FRAME_S = 0.25


@dataclass(frozen=True, slots=True)
class Options:
    """What the user chose. `seconds` is how long the day takes to stream."""

    seed: int
    vans: int
    parcels: int
    hours: float
    seconds: float
    folder: Path
    plain: bool


class Fault(CommandError):
    """The demo cannot go on."""

    code = 1


class Demo:
    """Runs once."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._console = Console(highlight=False)
        self._live: Live | None = None
        self._started_s = time.monotonic()
        self._readings = Readings()
        self._probed_s = self._told_s = self._counted_s = 0.0
        self._counted = 0
        self._per_s = 0.0
        self._announced = False

    def run(self) -> int:
        """0 or 1: whether the accounting adds up. Raises Fault; no child process is left in any case."""
        before = signal.signal(signal.SIGTERM, _interrupt)
        try:
            with ExitStack() as stack:
                return self._run(stack)
        finally:
            signal.signal(signal.SIGTERM, before)

    def _run(self, stack: ExitStack) -> int:
        options = self._options
        self._say(f"simulating {options.vans} vans with {options.parcels:,} parcels (seed {options.seed})")
        day = simulate_day(options.seed, vans=options.vans, parcels=options.parcels, hours=options.hours)
        write_truth(day, options.folder)
        broker = stack.enter_context(EmbeddedBroker())
        redis = stack.enter_context(EmbeddedRedis())
        self._say(f"started {broker.name} and {redis.name}")
        broker.create_topics([topic.name for topic in TOPICS])
        speed = (day.ends_at_ms - day.starts_at_ms) / 1000 / options.seconds
        streamer = Streamer(broker.brokers, day, PARTITIONS, speed)
        streamer.open_day()
        stages = Stages(broker.brokers, {"CONTROLTOWER_REDIS_URL": redis.url}, options.folder / "logs")
        stack.callback(stages.stop)
        stages.start()
        tail = Tail(broker.brokers, PARTITIONS, options.folder / "recording")
        tail.start()
        stack.callback(tail.stop)
        self._await_ready(stages)
        self._say(f"{len(STAGES)} stages are ready; the afternoon runs at {speed:.0f} times its speed")
        stack.callback(streamer.stop)
        streamer.start()
        self._watch(stages, streamer, tail)
        tail.stop()
        return self._conclude(day, streamer, tail)

    def _await_ready(self, stages: Stages) -> None:
        deadline_s = time.monotonic() + _READY_LIMIT_S
        while True:
            self._readings = ask_stages(stages.ports)
            if self._readings.ready == len(STAGES):
                return
            self._raise_fault(stages.find_fault())
            if time.monotonic() > deadline_s:
                raise Fault(f"only {self._readings.ready} of {len(STAGES)} stages got ready")
            time.sleep(0.1)

    def _watch(self, stages: Stages, streamer: Streamer, tail: Tail) -> None:
        """Show what happens until the day is over and everything in it is worked off."""
        if self._console.is_terminal and not self._options.plain:
            self._live = Live(console=self._console, auto_refresh=False, transient=True)
        finished_s: float | None = None
        try:
            if self._live:
                self._live.start()
            while not self._is_over(finished_s, streamer, tail):
                if streamer.finished and finished_s is None:
                    finished_s = time.monotonic()
                self._raise_fault(stages.find_fault() or streamer.failure or tail.failure)
                self._look(stages, streamer, tail)
                time.sleep(_FRAME_S)
        finally:
            if self._live:
                self._live.stop()
                self._live = None
        self._readings = ask_stages(stages.ports)

    def _is_over(self, finished_s: float | None, streamer: Streamer, tail: Tail) -> bool:
        if finished_s is None:
            return False
        waited_s = time.monotonic() - finished_s
        done = self._readings.received >= streamer.sent and tail.quiet_s > _QUIET_S and waited_s > _QUIET_S
        return done or waited_s > _FINISH_LIMIT_S

    def _look(self, stages: Stages, streamer: Streamer, tail: Tail) -> None:
        now_s = time.monotonic()
        if now_s - self._probed_s >= _PROBE_EVERY_S:
            self._readings, self._probed_s = ask_stages(stages.ports), now_s
            self._per_s = (streamer.sent - self._counted) / max(0.001, now_s - self._counted_s)
            self._counted, self._counted_s = streamer.sent, now_s
        moment = Moment(
            now_s - self._started_s,
            streamer.clock_ms,
            streamer.sent,
            self._per_s,
            self._readings.lag,
            self._readings.ready,
        )
        with tail.lock:
            self._announce(tail)
            if self._live:
                self._live.update(render_live(moment, tail.board), refresh=True)
            elif now_s - self._told_s >= _LINE_EVERY_S:
                self._told_s = now_s
                self._console.print(render_line(moment, tail.board), markup=False, soft_wrap=True)

    def _announce(self, tail: Tail) -> None:
        if self._announced or not tail.board.history:
            return
        self._announced = True
        first = next(e for e in tail.board.history if e.transition is Transition.OPENED)
        self._say(f"first exception: {first.code} on {first.subject_id}")

    def _say(self, text: str) -> None:
        elapsed_s = time.monotonic() - self._started_s
        self._console.print(f"{elapsed_s:5.1f} s  {text}", markup=False, soft_wrap=True)

    def _raise_fault(self, fault: str | None) -> None:
        if fault:
            raise Fault(fault)

    def _conclude(self, day: Day, streamer: Streamer, tail: Tail) -> int:
        board, folder = tail.board, self._options.folder
        accounting = account(streamer.sent, self._readings, board)
        judged = {code for codes in CODES_OF.values() for code in codes}
        others = Counter(str(e.code) for e in board.exceptions.values() if e.code not in judged)
        lines = [
            "",
            *tell_accounting(accounting, self._readings.rejected),
            "",
            *tell_scores(score(board.history, day.truth), others),
            "",
            *tell_actions(board),
            "",
            tell_latency(board.latencies_ms()),
            f"took {time.monotonic() - self._started_s:.0f} s",
            "",
            f"files: {folder}/recording (every record), truth.json, outcomes.json, logs/",
            "next:  controltower replay " + f"{folder}/recording --out {folder}/replayed",
            "       controltower demo --seed 2      another city and day",
            "       controltower --help             your own feed, your own Kafka",
        ]
        text = "\n".join(lines)
        (folder / "summary.txt").write_text(text.lstrip() + "\n")
        self._console.print(text, markup=False, soft_wrap=True)
        return 1 if accounting.faults() else 0


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
