"""What answers of the delay model come to over time: a function of them and of their questions' moments."""

from __future__ import annotations

from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controltower.detect import sla_at_risk
from controltower.route.answers import Answer, Answers, Steadied
from controltower.route.limits import DEFAULT_LIMITS
from controltower.route.packed import open_answers, pack
from controltower.route.state import Load, Risk, RouteState, decode_state, encode_state, open_load
from controltower.route.steadied import begin_anew, least_to_reach, steadied_of, step, take_answer

THRESHOLDS = sla_at_risk.thresholds(DEFAULT_LIMITS)
LATENESS_S = DEFAULT_LIMITS.reorder_ms // 1000
BEGIN_MS = 1_767_258_000_000


def answers_of(*said: tuple[int, float]) -> list[Answer]:
    """Answers to questions at these seconds."""
    return [(BEGIN_MS + at_s * 1000, p) for at_s, p in said]


def fold(answers: list[Answer]) -> Steadied:
    kept, steadied = Answers(), Steadied()
    for answer in answers:
        steadied = take_answer(kept, answer, THRESHOLDS)
    return steadied


gaps = st.lists(st.tuples(st.integers(0, 400), st.floats(0, 1)), min_size=1, max_size=20)


@st.composite
def disordered(draw: st.DrawFn) -> tuple[list[Answer], list[Answer]]:
    """Answers in the order of their questions, and as they may come: each late by the lateness at most, some
    of them twice."""
    at_s, said = 0, []
    for gap_s, p in draw(gaps):
        at_s += gap_s
        said.append((at_s, p))
    answers = answers_of(*said)
    arrivals = [(a[0] + draw(st.integers(0, LATENESS_S * 1000)), i, a) for i, a in enumerate(answers)]
    twice = draw(st.lists(st.sampled_from(arrivals), max_size=3))
    again = [(at + draw(st.integers(0, LATENESS_S * 1000)), i, a) for at, i, a in twice]
    return answers, [a for _, _, a in sorted(arrivals + again, key=lambda entry: entry[0])]


@given(disordered())
def test_the_order_in_which_answers_come_changes_nothing(case: tuple[list[Answer], list[Answer]]) -> None:
    """Late by up to the lateness, and twice: the end is the same."""
    in_order, as_they_come = case
    assert fold(as_they_come) == fold(in_order)


@given(disordered(), st.data())
def test_the_changelog_keeps_all_of_it(case: tuple[list[Answer], list[Answer]], data: st.DataObject) -> None:
    """Written and read again between any two answers."""
    _, answers = case
    cut = data.draw(st.integers(0, len(answers)))
    kept = Answers()
    for answer in answers[:cut]:
        take_answer(kept, answer, THRESHOLDS)
    kept = msgspec.msgpack.decode(msgspec.msgpack.encode(kept), type=Answers)
    for answer in answers[cut:]:
        take_answer(kept, answer, THRESHOLDS)
    assert steadied_of(kept, THRESHOLDS) == fold(answers)


@given(gaps)
def test_it_opens_only_above_the_harder_and_ends_only_below_the_softer_threshold(
    said: list[tuple[int, float]],
) -> None:
    """Whatever comes: told from 0.75 on, over after ten minutes below 0.3 without a break."""
    was, at_ms, low_since_ms = Steadied(), BEGIN_MS, 0
    for gap_s, p in said:
        at_ms += gap_s * 1000 + 1
        now = step(was, at_ms, p, THRESHOLDS)
        low_since_ms = (low_since_ms or at_ms) if now.mean < THRESHOLDS.clears else 0
        if now.on > was.on:
            assert now.mean >= THRESHOLDS.opens
            assert BEGIN_MS < now.since_ms <= at_ms
        if was.on > now.on:
            assert low_since_ms
            assert at_ms - low_since_ms >= THRESHOLDS.low_ms
        was = now


def test_answers_that_alternate_with_each_fix_are_one_risk() -> None:
    """A van at a stop: before it and behind it by turns, every ten seconds for half an hour."""
    kept, turns = Answers(), []
    for answer in answers_of(*[(10 * i, (0.98, 0.55)[i % 2]) for i in range(180)]):
        turns.append(take_answer(kept, answer, THRESHOLDS).on)
    assert sum(after != before for before, after in pairwise(turns)) == 1


def test_of_questions_of_one_moment_the_worst_answer_counts() -> None:
    """Reports that come at once ask at once: what one of them has opened, the next one does not clear."""
    high, low = (BEGIN_MS, 0.9), (BEGIN_MS, 0.1)
    assert fold([low, high]) == fold([high, low]) == fold([high])


def test_one_that_comes_too_late_or_from_before_a_new_beginning_does_not_count() -> None:
    """Beyond the lateness, and after a person has closed what it was about."""
    late, *in_time = answers_of((100, 0.9), (300, 0.9), (600, 0.9))
    assert fold([*in_time, late]) == fold(in_time)
    anew = begin_anew(BEGIN_MS + 1000)
    assert take_answer(anew, (BEGIN_MS, 0.9), THRESHOLDS) == Steadied(at_ms=BEGIN_MS + 1000)


@given(gaps, st.integers(1, 600))
def test_the_least_answer_that_reaches_a_level_does_and_less_does_not(
    said: list[tuple[int, float]], wait_s: int
) -> None:
    """So reasons are asked for where SLA_AT_RISK opens, and nowhere else."""
    was = Steadied()
    for at_ms, p in answers_of(*said):
        was = step(was, at_ms, p, THRESHOLDS) if at_ms > was.at_ms else was
    at_ms, level = was.at_ms + wait_s * 1000, THRESHOLDS.opens
    least = least_to_reach(was, level, at_ms, 1, THRESHOLDS.memory_ms)
    assert (least is not None) is (step(was, at_ms, 1.0, THRESHOLDS).mean >= level)
    if least is not None:
        assert step(was, at_ms, least + 1e-9, THRESHOLDS).mean >= level
        assert step(was, at_ms, least - 1e-6, THRESHOLDS).mean < level


def test_with_others_unanswered_the_level_itself_may_reach_it() -> None:
    """They may come to 1 each; where not even that does, no answer is explained."""
    was, memory_ms = Steadied(at_ms=BEGIN_MS), THRESHOLDS.memory_ms
    assert least_to_reach(was, 0.75, BEGIN_MS + memory_ms, 1, memory_ms) is None
    assert least_to_reach(was, 0.75, BEGIN_MS + 2 * memory_ms, 2, memory_ms) == 0.75


@pytest.mark.parametrize("severe", [False, True])
def test_what_a_version_that_counted_answers_has_told_goes_on(severe: bool) -> None:
    """Its fields are moved when they are read, and empty from then on."""
    risk = Risk(on=True, since_ms=BEGIN_MS, severe=severe, load=pack(Load(on=True, since_ms=BEGIN_MS)))
    state = decode_state(encode_state(RouteState("R", risk=risk)))
    steadied = steadied_of(open_answers(state.risk.answers), THRESHOLDS)
    assert (steadied.on, steadied.since_ms, steadied.severe) == (True, BEGIN_MS, severe)
    assert open_load(state.risk).answers.base.on
    assert not state.risk.on
    assert not open_load(state.risk).on
