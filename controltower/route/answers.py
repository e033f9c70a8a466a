"""What is kept of the answers to a route's questions. Apart from what steadies them, since a struct is not
compiled."""

from __future__ import annotations

import msgspec

#: Moment of the question (ms), probability.
Answer = tuple[int, float]


class Thresholds(msgspec.Struct, frozen=True, gc=False):
    """Of a steadied probability: for the first level, and for the severe one."""

    opens: float
    clears: float
    severe_opens: float
    severe_clears: float
    #: of the mean, and how long it stays below `clears` before it is over
    memory_ms: int
    low_ms: int
    #: how much later than the newest an answer counts as if it had come in order
    reorder_ms: int


class Steadied(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What the answers up to a moment come to."""

    at_ms: int = 0
    mean: float = 0.0
    on: bool = False
    #: since when it is on, or over
    since_ms: int = 0
    severe: bool = False
    #: the first high answer since the mean was low, and since when the mean is low; 0: it is not so
    rising_ms: int = 0
    low_since_ms: int = 0


class Answers(msgspec.Struct, array_like=True):
    """What older answers come to, and the newest ones apart, by the moments of their questions."""

    base: Steadied = Steadied()
    newest: list[Answer] = []
