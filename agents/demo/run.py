"""The demo from start to end: servers, stages, the day, the view, the verdict."""

from __future__ import annotations

import shutil
import signal
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from rich.console import Console

from agents.demo.probe import Readings, ask_stages
from agents.demo.stages import Stages
from agents.demo.streamer import Streamer
from agents.demo.summary import account, tell_all
from agents.demo.tail import Tail
from agents.demo.watch import Fault, Watch, raise_fault
from controltower.embedded.broker import PARTITIONS, EmbeddedBroker
from controltower.embedded.redis import EmbeddedRedis
from controltower.simulate.day import Day, simulate_day
from controltower.simulate.recording import write_truth
from schemas.topics import STAGES, TOPICS

_READY_LIMIT_S = 60.0
_LOOK_EVERY_S = 0.1


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


class Demo:
    """Runs once."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._console = Console(highlight=False)
        self._started_s = time.monotonic()

    def run(self) -> int:
        """0 or 1: whether the accounting adds up. Raises Fault; no child process is left in any case."""
        before = signal.signal(signal.SIGTERM, _interrupt)
        try:
            with ExitStack() as stack:
                return self._run(stack)
        except KeyboardInterrupt:
            self._say("interrupted: all stages are stopped")
            raise
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
        stack.callback(tail.stop)
        tail.start()
        self._await_ready(stages)
        self._say(f"{len(STAGES)} stages are ready; the afternoon runs at {speed:.0f} times its speed")
        stack.callback(streamer.stop)
        streamer.start()
        watch = Watch(self._console, self._started_s, stages, streamer, tail, plain=options.plain)
        readings = watch.until_over()
        tail.stop()
        return self._conclude(day, streamer.sent, readings, tail)

    def _await_ready(self, stages: Stages) -> None:
        deadline_s = time.monotonic() + _READY_LIMIT_S
        while (ready := ask_stages(stages.ports).ready) < len(STAGES):
            raise_fault(stages.find_fault())
            if time.monotonic() > deadline_s:
                raise Fault(f"only {ready} of {len(STAGES)} stages got ready", f"see {stages.log_folder}")
            time.sleep(_LOOK_EVERY_S)

    def _conclude(self, day: Day, sent: int, readings: Readings, tail: Tail) -> int:
        folder = self._options.folder
        accounting = account(sent, readings, tail.board)
        took_s = time.monotonic() - self._started_s
        lines = [*tell_all(accounting, readings, tail.board, day.truth), f"took {took_s:.0f} s", ""]
        text = "\n".join([*lines, *_tell_files(folder)])
        (folder / "summary.txt").write_text(text.lstrip() + "\n")
        self._console.print(text, markup=False, soft_wrap=True)
        return 1 if accounting.faults() else 0

    def _say(self, text: str) -> None:
        elapsed_s = time.monotonic() - self._started_s
        self._console.print(f"{elapsed_s:5.1f} s  {text}", markup=False, soft_wrap=True)


def _tell_files(folder: Path) -> list[str]:
    command = _own_command()
    return [
        f"files: {folder}/recording  every record of every topic, one file per partition",
        f"       {folder}/truth.json, outcomes.json  what truly happened; logs/ of the stages",
        f"next:  {command} replay {folder}/recording --out {folder}/replayed   the same day offline",
        f"       {command} demo --seed 2   another city and day",
        f"       {command} --help          your own feed, your own Kafka",
    ]


def _own_command() -> str:
    """How the reader can call us: from the venv of `make demo` the command is not on the PATH."""
    beside_python = Path(sys.executable).with_name("controltower")
    if shutil.which("controltower") or not beside_python.exists():
        return "controltower"
    inside = beside_python.is_relative_to(Path.cwd())
    return str(beside_python.relative_to(Path.cwd()) if inside else beside_python)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
