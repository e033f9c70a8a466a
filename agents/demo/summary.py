"""What the demo says at the end, and whether its accounting adds up. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agents.demo.board import Board
from agents.demo.probe import Readings
from controltower.simulate.scoring import CODES_OF, CodeScore, score
from controltower.simulate.truth import TrueEvent
from schemas.vocabulary import ActionState


@dataclass(frozen=True, slots=True)
class Accounting:
    """Every record that was written must have been received, and accepted or rejected; nothing twice."""

    sent: int
    received: int
    accepted: int
    rejected: int
    dead_letters: int

    def faults(self) -> list[str]:
        """What does not add up, one sentence each; empty where everything does."""
        faults = []
        if self.received != self.sent:
            faults.append(f"{self.sent:,} records were written, but {self.received:,} were received")
        if self.accepted + self.rejected != self.received:
            faults.append(
                f"accepted {self.accepted:,} + rejected {self.rejected:,} is not received {self.received:,}"
            )
        if self.dead_letters != self.rejected:
            faults.append(f"{self.rejected:,} were rejected, but {self.dead_letters:,} are in dead-letters")
        return faults


def account(sent: int, readings: Readings, board: Board) -> Accounting:
    """Hold the sender's count, the stages' metrics and the dead letters against each other."""
    return Accounting(
        sent, readings.received, readings.accepted, readings.rejected_total, board.dead_letters.total()
    )


def tell_all(
    accounting: Accounting, readings: Readings, board: Board, truth: Sequence[TrueEvent]
) -> Iterator[str]:
    """The whole summary, line by line."""
    judged = {code for codes in CODES_OF.values() for code in codes}
    others = Counter(str(e.code) for e in board.exceptions.values() if e.code not in judged)
    yield ""
    yield from tell_accounting(accounting, readings.rejected)
    yield ""
    yield from tell_scores(score(board.history, truth), others)
    yield ""
    yield from tell_actions(board)
    yield ""
    yield tell_latency(board.latencies_ms())


def tell_accounting(accounting: Accounting, reasons: Counter[str]) -> Iterator[str]:
    """The line of the sum, then the reasons."""
    yield (
        f"received {accounting.received:,} = accepted {accounting.accepted:,} "
        f"+ rejected {accounting.rejected:,}"
    )
    yield "  rejected: " + _counts(reasons)
    for fault in accounting.faults():
        yield f"  DOES NOT ADD UP: {fault}"


def tell_scores(rows: Sequence[CodeScore], others: Counter[str]) -> Iterator[str]:
    """Exceptions against the injected truth, a line per kind."""
    yield f"{'exceptions':<18}{'injected':>9}{'found':>7}{'missed':>8}{'false':>7}   told after (median)"
    for row in rows:
        missed = row.due - row.found
        yield f"  {row.kind:<16}{row.due:>9}{row.found:>7}{missed:>8}{row.false:>7}   {_delay(row)}"
    if others:
        yield "  not held against the truth: " + _counts(others)


def _delay(row: CodeScore) -> str:
    if row.delay_s is None:
        return "-"
    minutes = abs(row.delay_s) / 60
    return f"{minutes:.1f} min" if row.delay_s >= 0 else f"{minutes:.1f} min before the first late stop"


def tell_actions(board: Board) -> Iterator[str]:
    """Recovery actions by state, and why some were held back."""
    states = Counter(str(action.state) for action in board.actions.values())
    held = Counter(
        str(action.suppressed_because)
        for action in board.actions.values()
        if action.state is ActionState.SUPPRESSED
    )
    yield "actions: " + _counts(states)
    if held:
        yield "  held back because: " + _counts(held)


def tell_latency(latencies_ms: Sequence[int]) -> str:
    """From scan to exception by the wall clock; `latencies_ms` is sorted."""
    if not latencies_ms:
        return "from scan to exception: nothing to measure"
    p99 = latencies_ms[min(len(latencies_ms) - 1, int(len(latencies_ms) * 0.99))]
    median = latencies_ms[len(latencies_ms) // 2]
    return f"from scan to exception: median {median} ms, p99 {p99} ms ({len(latencies_ms)} exceptions)"


def _counts(counter: Counter[str]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counter.most_common()) or "none"
