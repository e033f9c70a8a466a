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
from collections.abc import Sequence
from itertools import pairwise
from math import exp

from controltower.route.answers import Answer, Answers, Steadied, Thresholds


def steadied_of(answers: Answers, thresholds: Thresholds) -> Steadied:
    """What all of them come to."""
    return _fold(answers.base, answers.newest, thresholds)


def take_answer(answers: Answers, answer: Answer, thresholds: Thresholds) -> Steadied:
    """Put an answer in its place. One that is there already, or comes too late, changes nothing."""
    if answer[0] > answers.base.at_ms and answer not in answers.newest:
        insort(answers.newest, answer)
        until_ms = answers.newest[-1][0] - thresholds.reorder_ms
        old = [each for each in answers.newest if each[0] < until_ms]
        if old:
            answers.base = _fold(answers.base, old, thresholds)
            answers.newest = answers.newest[len(old) :]
    return steadied_of(answers, thresholds)


def begin_anew(at_ms: int) -> Answers:
    """Answers to questions up to this moment do not count any more."""
    return Answers(Steadied(at_ms=at_ms))


def _fold(was: Steadied, answers: Sequence[Answer], thresholds: Thresholds) -> Steadied:
    """Of the answers to several questions of one moment the worst counts: reports that came at once."""
    for one, after in pairwise(answers):
        if one[0] != after[0]:
            was = step(was, *one, thresholds)
    return step(was, *answers[-1], thresholds) if answers else was


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
