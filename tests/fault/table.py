"""The one table that a run prints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.fault.judge import Verdict

_HEADS = (
    ("fault", 34),
    ("injected", 8),
    ("in", 8),
    ("processed", 9),
    ("dead", 5),
    ("lost", 5),
    ("twice", 5),
    ("exc.wrong", 9),
    ("ready s", 7),
    ("verdict", 8),
)


@dataclass(slots=True)
class Row:
    """One scenario. `wants_loss`: a control, in which the judge has to find something.

    `tells_again`: a reset, after which what was told is told again.
    """

    fault: str
    injected: int
    verdict: Verdict
    waits: Sequence[float]
    wants_loss: bool = False
    tells_again: bool = False
    problems: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """A fault that was never injected proves nothing."""
        if not self.injected:
            return False
        if self.wants_loss:
            return bool(self.verdict.lost + self.verdict.twice) and not self.problems
        if self.tells_again:
            return not (self.verdict.lost or self.verdict.exceptions_wrong or self.problems)
        return not (self.verdict.differences or self.problems)


def head() -> str:
    return "  ".join(f"{name:<{width}}" if name == "fault" else f"{name:>{width}}" for name, width in _HEADS)


def line(row: Row) -> str:
    verdict = row.verdict
    waited = f"{max(row.waits):.1f}" if row.waits else "-"
    ended = "FAILED" if not row.passed else "as meant" if row.wants_loss or row.tells_again else "ok"
    cells = [
        row.fault,
        row.injected,
        verdict.records_in,
        verdict.processed,
        verdict.dead_lettered,
        verdict.lost,
        verdict.twice,
        verdict.exceptions_wrong,
        waited,
        ended,
    ]
    return "  ".join(
        f"{cell:<{width}}" if name == "fault" else f"{cell:>{width}}"
        for cell, (name, width) in zip(cells, _HEADS, strict=True)
    )
