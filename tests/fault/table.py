"""The one table that a run prints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.fault.judge import Verdict

_HEADS = (
    ("fault", 38),
    ("injected", 8),
    ("in", 8),
    ("applied", 8),
    ("copies", 6),
    ("late", 5),
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
    notes: Sequence[str] = ()
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
        verdict.applied,
        verdict.copies,
        verdict.late,
        verdict.dead_lettered,
        verdict.lost,
        verdict.twice,
        verdict.exceptions_wrong,
        waited,
        ended,
    ]
    table = "  ".join(
        f"{cell:<{width}}" if name == "fault" else f"{cell:>{width}}"
        for cell, (name, width) in zip(cells, _HEADS, strict=True)
    )
    return f"{table}  {'; '.join(row.notes)}".rstrip()


def summary(rows: Sequence[Row]) -> str:
    """All rows in one line; what a control finds, and what a reset tells again, is left out."""
    plain = [row for row in rows if not (row.wants_loss or row.tells_again)]
    records, lost = sum(row.verdict.records_in for row in rows), sum(row.verdict.lost for row in plain)
    failed = sum(not row.passed for row in rows)
    return (
        f"{len(rows)} faults, {sum(row.injected for row in rows):,} injections, {records:,} records in: "
        f"{lost} lost, {sum(row.verdict.twice for row in plain)} twice, {failed} rows failed"
    )
