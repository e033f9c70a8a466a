"""What can be wrong with a history."""

from __future__ import annotations

from dataclasses import dataclass

#: What is wrong for whoever reads our topics; the other kinds say how it came to that.
HARM = frozenset({"LOST", "AGAIN", "ORDER", "STATE", "TICK"})
KINDS = HARM | {"POSITION", "OWNER", "REFUSED", "STUCK"}


@dataclass(slots=True, frozen=True)
class Violation:
    """LOST, AGAIN, ORDER: outputs. STATE: the changelog. TICK: a time that was not true.

    POSITION went back, OWNER: a former one committed, REFUSED to go on without cause, STUCK for ever.
    """

    kind: str
    what: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.what}"
