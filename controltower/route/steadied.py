"""A probability that answers tell, steadied over time, with two thresholds each for two levels. Pure.

Single answers jump: the slip of a van that stands at a stop moves by the whole of its service where a fix
puts it before or behind the stop, and the next answer with it. So what counts is their mean, in which an
answer has the weight `1 - exp(-t / memory)`, t the time since the answer before it, at most one memory: no
single answer can raise it from nothing above 0.63. It is over when the mean has been below the softer
threshold for a while.

All of it depends on the answers and on the moments of their questions alone, neither on when answers come
nor in which order: those of the last 90 s are kept apart, and one that comes late is put in its place.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable
from itertools import pairwise
from math import exp
from typing import NamedTuple

import msgspec

#: Moment of the question (ms), probability.
Answer = tuple[int, float]


class Thresholds(NamedTuple):
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

    def steadied(self, thresholds: Thresholds) -> Steadied:
        """What all of them come to."""
        return _fold(self.base, self.newest, thresholds)

    def take(self, answer: Answer, thresholds: Thresholds) -> Steadied:
        """Put an answer in its place. One that is there already, or comes too late, changes nothing."""
        if answer[0] > self.base.at_ms and answer not in self.newest:
            insort(self.newest, answer)
            until_ms = self.newest[-1][0] - thresholds.reorder_ms
            old = [each for each in self.newest if each[0] < until_ms]
            if old:
                self.base = _fold(self.base, old, thresholds)
                self.newest = self.newest[len(old) :]
        return self.steadied(thresholds)


def begin_anew(at_ms: int) -> Answers:
    """Answers to questions up to this moment do not count any more."""
    return Answers(Steadied(at_ms=at_ms))


def _fold(was: Steadied, answers: Iterable[Answer], thresholds: Thresholds) -> Steadied:
    """Of the answers to several questions of one moment the worst counts: reports that came at once."""
    sequence = list(answers)
    for one, after in pairwise(sequence):
        if one[0] != after[0]:
            was = step(was, *one, thresholds)
    return step(was, *sequence[-1], thresholds) if sequence else was


def step(was: Steadied, at_ms: int, p: float, thresholds: Thresholds) -> Steadied:
    """Fold the answer to a question that was asked at `at_ms`, later than those before."""
    since_last_ms = min(at_ms - was.at_ms, thresholds.memory_ms)
    mean = was.mean + (p - was.mean) * (1.0 - exp(-since_last_ms / thresholds.memory_ms))
    low = mean < thresholds.clears
    low_since_ms = (was.low_since_ms or at_ms) if low else 0
    rising_ms = 0 if low else was.rising_ms
    if p >= thresholds.opens and not rising_ms:
        rising_ms = at_ms
    on, since_ms = was.on, was.since_ms
    if not on and mean >= thresholds.opens:
        on, since_ms = True, rising_ms
    elif on and low and at_ms - low_since_ms >= thresholds.low_ms:
        on, since_ms = False, at_ms
    opened = on and not was.on  # by an answer that says how severe it is, before the mean does
    severe = on and (p if opened else mean) >= (
        thresholds.severe_clears if was.severe else thresholds.severe_opens
    )
    return Steadied(at_ms, mean, on, since_ms, severe, rising_ms, low_since_ms)


def least_to_reach(was: Steadied, level: float, at_ms: int, unanswered: int, memory_ms: int) -> float | None:
    """The least answer to a question asked at `at_ms` that may raise the mean to `level`; None: none does.

    unanswered: it and those before it; each of those may come to 1, and counts for one memory at most. So
    with others before it the level itself must do.
    """
    wait_ms = min(at_ms - was.at_ms, max(1, unanswered) * memory_ms)
    if 1.0 - (1.0 - was.mean) * exp(-wait_ms / memory_ms) < level:
        return None
    if unanswered > 1 or wait_ms <= 0:
        return level
    return was.mean + (level - was.mean) / (1.0 - exp(-wait_ms / memory_ms))
