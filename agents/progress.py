"""Progress of a long command on standard error: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

_LINE_EVERY_S = 5.0
#: From here on the rate tells how long the rest takes.
_SURE_SHARE = 0.02


class ProgressShown:
    """Counts towards `total` (None: unknown). Use as a context manager."""

    def __init__(self, what: str, unit: str, total: int | None) -> None:
        self._what, self._unit, self._total = what, unit, total
        self._done = 0
        self._note = ""
        self._started_at = self._told_at = time.monotonic()
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        console = Console(stderr=True)
        if console.is_terminal:
            self._bar = Progress(
                TextColumn(what),
                BarColumn(),
                TextColumn("{task.completed:,.0f}/{task.total:,.0f}" if total else "{task.completed:,.0f}"),
                TextColumn("{task.fields[note]}"),
                TimeRemainingColumn(),
                console=console,
                transient=True,
            )
            self._task = self._bar.add_task(what, total=total, note="")

    @property
    def seconds(self) -> float:
        """Since the start."""
        return time.monotonic() - self._started_at

    def advance(self, count: int = 1) -> None:
        self.set(self._done + count)

    def set(self, done: int, total: int | None = None, note: str = "") -> None:
        """`total` replaces the one known so far; `note` says more, such as how far a stage is behind."""
        self._done, self._note = done, note or self._note
        self._total = total or self._total
        now = time.monotonic()
        if now - self._told_at < (0.1 if self._bar else _LINE_EVERY_S):
            return
        self._told_at = now
        self._tell(now - self._started_at)

    def _tell(self, seconds: float) -> None:
        rate = self._done / seconds if seconds else 0.0
        note = f"{rate:,.0f} {self._unit}/s {self._note}".rstrip()
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=self._done, total=self._total, note=note)
            return
        print(f"{self._what}: {self._done:,}{_of(self._done, self._total, rate)}, {note}", file=sys.stderr)

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()


def _of(done: int, total: int | None, rate: float) -> str:
    if not total:
        return ""
    share = f" of {total:,} ({100 * done / total:.0f} %)"
    if done < total * _SURE_SHARE:  # the rate is still that of getting started
        return share
    return f"{share}, {(total - done) / rate:,.0f} s left"
