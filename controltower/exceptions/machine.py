"""The life of an exception as data: what may happen to it, from where, what it leads to, how it is told.

Everything else asks this table. `python -m controltower.exceptions.machine` draws docs/lifecycle.md from it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from schemas.vocabulary import ExceptionStatus as Status
from schemas.vocabulary import Transition

PAGE: Final = Path(__file__).parents[2] / "docs" / "lifecycle.md"


class Step(StrEnum):
    """What may happen to an exception."""

    OPEN = "open"
    CLEAR = "clear"
    RETURN = "return"
    FLAP = "flap"
    REGRADE = "regrade"
    GROW = "grow"
    ACKNOWLEDGE = "acknowledge"
    UNACKNOWLEDGE = "unacknowledge"
    SNOOZE = "snooze"
    WAKE = "wake"
    ESCALATE = "escalate"
    SUPPRESS = "suppress"
    RELEASE = "release"
    START_RECOVERY = "start recovery"
    RESOLVE = "resolve"
    CLOSE = "close"


class Mark(StrEnum):
    """What is true of an exception besides its status."""

    CLEARED = "cleared"
    SEEN = "seen"
    SNOOZED = "snoozed"
    SUPPRESSED = "suppressed"
    FLAPPING = "flapping"


@dataclass(slots=True, frozen=True)
class Move:
    """One row. `to` None: the status stays. `needs` and `bars`: marks it must have and must not have.

    `damped`: nothing is told while the exception flaps.
    """

    step: Step
    sources: tuple[Status, ...]
    to: Status | None
    tells: Transition
    about: str
    needs: frozenset[Mark] = frozenset()
    bars: frozenset[Mark] = frozenset()
    sets: frozenset[Mark] = frozenset()
    drops: frozenset[Mark] = frozenset()
    damped: bool = False


_OPEN: Final = Status.OPEN
_ACK: Final = Status.ACKNOWLEDGED
_RECOVERY: Final = Status.IN_RECOVERY
_LIVE: Final = (_OPEN, _ACK, _RECOVERY)


def _only(mark: Mark) -> frozenset[Mark]:
    return frozenset({mark})


MOVES: Final[tuple[Move, ...]] = (
    Move(Step.OPEN, (), _OPEN, Transition.OPENED, "the evidence suffices"),
    Move(
        Step.CLEAR,
        _LIVE,
        None,
        Transition.UPDATED,
        "the condition is over for now",
        bars=_only(Mark.CLEARED),
        sets=_only(Mark.CLEARED),
        damped=True,
    ),
    Move(
        Step.RETURN,
        _LIVE,
        None,
        Transition.UPDATED,
        "the condition is back within the hold",
        needs=_only(Mark.CLEARED),
        drops=_only(Mark.CLEARED),
        damped=True,
    ),
    Move(
        Step.FLAP,
        _LIVE,
        None,
        Transition.UPDATED,
        "it is back once too often: from now on only the end is told, after a longer hold",
        needs=_only(Mark.CLEARED),
        bars=_only(Mark.FLAPPING),
        sets=_only(Mark.FLAPPING),
        drops=_only(Mark.CLEARED),
    ),
    Move(Step.REGRADE, _LIVE, None, Transition.UPDATED, "its severity changed"),
    Move(Step.GROW, _LIVE, None, Transition.UPDATED, "it lists twice as many stops as when told"),
    Move(
        Step.ACKNOWLEDGE,
        (_OPEN,),
        _ACK,
        Transition.ACKNOWLEDGED,
        "somebody has it",
        sets=_only(Mark.SEEN),
    ),
    Move(
        Step.ACKNOWLEDGE,
        (_RECOVERY,),
        None,
        Transition.ACKNOWLEDGED,
        "somebody has it, recovery goes on",
        bars=_only(Mark.SEEN),
        sets=_only(Mark.SEEN),
    ),
    Move(
        Step.UNACKNOWLEDGE,
        (_ACK,),
        _OPEN,
        Transition.UNACKNOWLEDGED,
        "nobody has it any more",
        drops=_only(Mark.SEEN),
    ),
    Move(
        Step.UNACKNOWLEDGE,
        (_RECOVERY,),
        None,
        Transition.UNACKNOWLEDGED,
        "nobody has it any more, recovery goes on",
        needs=_only(Mark.SEEN),
        drops=_only(Mark.SEEN),
    ),
    Move(Step.SNOOZE, _LIVE, None, Transition.SNOOZED, "quiet until a time", sets=_only(Mark.SNOOZED)),
    Move(
        Step.WAKE,
        _LIVE,
        None,
        Transition.UPDATED,
        "the snooze is over",
        needs=_only(Mark.SNOOZED),
        drops=_only(Mark.SNOOZED),
    ),
    Move(Step.ESCALATE, _LIVE, None, Transition.ESCALATED, "a person asked, or nobody took it in time"),
    Move(
        Step.SUPPRESS,
        _LIVE,
        None,
        Transition.SUPPRESSED,
        "one of many of the same cause: its parent is answered instead",
        bars=_only(Mark.SUPPRESSED),
        sets=_only(Mark.SUPPRESSED),
    ),
    Move(
        Step.RELEASE,
        _LIVE,
        None,
        Transition.UPDATED,
        "its parent has ended, it goes on alone",
        needs=_only(Mark.SUPPRESSED),
        drops=_only(Mark.SUPPRESSED),
    ),
    Move(Step.START_RECOVERY, (_OPEN, _ACK), _RECOVERY, Transition.RECOVERY_STARTED, "an action went out"),
    Move(Step.RESOLVE, _LIVE, Status.RESOLVED, Transition.RESOLVED, "the end, exactly once"),
    Move(Step.CLOSE, (Status.RESOLVED,), Status.CLOSED, Transition.CLOSED, "archived"),
)


def find_move(step: Step, status: Status | None, marks: Collection[Mark]) -> Move | None:
    """The row for a step of an exception in this status (None: it does not exist yet), if it may happen."""
    for move in MOVES:
        from_here = status in move.sources if status is not None else not move.sources
        if move.step is step and from_here and move.needs <= set(marks) and not move.bars & set(marks):
            return move
    return None


def mermaid() -> str:
    """The table as a Mermaid state diagram; what leaves the status as it is stands in the table below it."""
    lines = ["stateDiagram-v2"]
    for move in MOVES:
        if move.to is None:
            continue
        for source in [status.value for status in move.sources] or ["[*]"]:
            lines.append(f"  {source} --> {move.to.value}: {move.step.value}")
    return "\n".join([*lines, f"  {Status.CLOSED.value} --> [*]"])


def move_table() -> str:
    """Every row as Markdown."""
    head = "| step | from | to | told as | needs | sets | means |", "|--|--|--|--|--|--|--|"
    return "\n".join([*head, *(_row(move) for move in MOVES)])


def _row(move: Move) -> str:
    cells = (
        move.step.value,
        ", ".join(status.value for status in move.sources) or "-",
        move.to.value if move.to else "the same",
        f"{move.tells.value}{' (not while flapping)' if move.damped else ''}",
        _listed(move.needs, move.bars, "not"),
        _listed(move.sets, move.drops, "no more"),
        move.about,
    )
    return f"| {' | '.join(cells)} |"


def _listed(marks: Collection[Mark], others: Collection[Mark], negated: str) -> str:
    shown = [mark.value for mark in sorted(marks)] + [f"{negated} {mark.value}" for mark in sorted(others)]
    return ", ".join(shown) or "-"


def page(text: str) -> str:
    """docs/lifecycle.md with its diagram and its table drawn anew."""
    for name, content in (("diagram", f"```mermaid\n{mermaid()}\n```"), ("moves", move_table())):
        begin, end = f"<!-- {name} -->\n", f"\n<!-- end of {name} -->"
        before, _, rest = text.partition(begin)
        _, _, after = rest.partition(end)
        text = f"{before}{begin}{content}{end}{after}"
    return text


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))
