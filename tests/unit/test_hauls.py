"""Line hauls in the stage assign: what is asked, when, about what, and what is told of it."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from controltower.haul.progress import find_done, find_mark, measure
from schemas import topics
from schemas.vocabulary import HaulEnd, HaulScoreSource, HaulStage, Milestone, Phase
from tests.unit.haul_days import (
    PROMISE_MIN,
    Log,
    clock,
    haul_plan,
    journey,
    minutes_after,
    routed,
    score,
    step_scan,
)
from tests.unit.parcels import parcel_scan


def asked(log: Log) -> list[tuple[str, float]]:
    return [(question.stage.value, minutes_after(question.as_of)) for question in log.questions()]


def test_a_plan_is_asked_about_at_once_and_a_scan_when_it_completes_a_step() -> None:
    """Every step that is done leads to a question with what it took; other scans and copies lead to none."""
    log = Log().hear(haul_plan(), step_scan("a", "RCS", 90), step_scan("a", "RCS", 90))
    log.hear(parcel_scan(5, Milestone.CUSTOMS_PRESENTED, at_s=95 * 60))
    assert asked(log) == [("plan", 0), ("underway", 90)]
    question = log.questions()[-1]
    assert [leg.effective[:2] for leg in question.legs] == [(90, None), (None, None), (), (None, None)]
    assert [leg.waiting_min for leg in question.legs] == [0, 90, None, None]
    assert question.legs[0].planned == (100, 50, 200, None, None, None, None, 50)


def test_the_clock_asks_when_a_step_is_overdue_and_then_ever_more_seldom() -> None:
    """At the planned time of the next step of each leg, an hour later, two hours, four: as of that moment,
    however far apart the ticks."""
    coarse = Log().hear(haul_plan(), clock(400))
    fine = Log().hear(haul_plan(), *(clock(at) for at in range(0, 401, 10)))
    assert asked(coarse) == asked(fine)
    assert asked(coarse) == [
        ("plan", 0),
        *(("underway", at) for at in (50, 100, 110, 160, 170, 220, 290, 340)),
    ]


def test_between_the_legs_the_inbound_model_is_asked() -> None:
    """When the last inbound leg is through, and nothing of the outbound one is known."""
    log = Log().hear(haul_plan(), *journey()[:8])
    assert asked(log)[-1] == ("inbound", 400)
    assert log.questions()[-1].legs[3].waiting_min == 0


def test_a_scan_that_is_missing_takes_no_time_of_its_own() -> None:
    """The step behind it has it, as in the tables that the model learns from."""
    log = Log().hear(haul_plan(), step_scan("a", "RCS", 90), step_scan("a", "RCF", 350))
    assert log.questions()[-1].legs[0].effective == (90, None, 260, None, None, None, None, None)


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_disorder_ends_in_the_same_question(order: tuple[int, ...]) -> None:
    """Scans may come in any order: the last question is the same but for its number."""
    scans = [
        step_scan(*step, at_min, received_at=step_scan("a", "RCS", 400).received_at)
        for step, at_min in ((("a", "RCS"), 90), (("a", "DEP"), 150), (("b", "RCS"), 60))
    ]
    log = Log().hear(haul_plan(), *(scans[i] for i in order))
    whole = Log().hear(haul_plan(), *scans)
    assert log.questions()[-1] == whole.questions()[-1]


def test_a_correction_moves_the_step_and_a_lower_revision_does_not() -> None:
    """What a scan says now stands in the place of what it said."""
    log = Log().hear(haul_plan(), step_scan("a", "RCS", 90))
    log.hear(step_scan("a", "RCS", 80, revision=2), step_scan("a", "RCS", 70, revision=1))
    assert log.questions()[-1].legs[0].effective[0] == 80
    assert len(log.questions()) == 3


def test_scans_before_the_plan_count() -> None:
    """A feed may be ahead of the planner."""
    log = Log().hear(step_scan("a", "RCS", -5), step_scan("b", "RCS", 20), haul_plan())
    question = log.questions()[0]
    assert (question.stage, question.legs[1].effective[0]) == (HaulStage.UNDERWAY, 20)


def test_a_higher_version_is_another_promise() -> None:
    """Its steps are measured anew; one as high or lower changes nothing."""
    log = Log().hear(haul_plan(), step_scan("a", "RCS", 90), haul_plan(2, starts_at=haul_plan().starts_at))
    assert [status.plan_version for status in log.statuses()] == [1, 1, 2]
    before = len(log.questions())
    assert len(log.hear(haul_plan(2), haul_plan(1)).questions()) == before == 3


def test_an_answer_is_told_with_what_it_rests_on() -> None:
    """p(late), of when, by which model; without a model the reason stands there and no number."""
    log = Log().hear(haul_plan(), score(1))
    status = log.statuses()[-1]
    assert (status.p_late, status.model_version, status.scored_by) == (0.3, "m", HaulScoreSource.MODEL)
    assert (minutes_after(status.promised_by), minutes_after(status.expected_at)) == (PROMISE_MIN, 700)
    assert [one.seq for one in log.statuses()] == [1, 2]
    bare = Log().hear(haul_plan(), score(1, None)).statuses()[-1]
    assert (bare.p_late, bare.scored_by, bare.model_version) == (None, HaulScoreSource.NO_MODEL, None)


def test_a_later_answer_stays() -> None:
    """An old answer that comes late replaces nothing."""
    log = Log().hear(haul_plan(), step_scan("a", "RCS", 90), score(2, 0.6, 90), score(1, 0.3, 0))
    assert log.statuses()[-1].p_late == 0.6


def test_what_is_overdue_moves_the_expected_end() -> None:
    """Everything left takes as long as planned, what is overdue is done now at the earliest."""
    log = Log().hear(haul_plan(), clock(161))
    assert minutes_after(log.statuses()[-1].expected_at) == PROMISE_MIN + 60


@pytest.mark.parametrize(("outbound_dlv", "missed", "late_s"), [(60, False, 0), (61, True, 60)])
def test_the_end_says_whether_the_promise_was_kept(outbound_dlv: int, missed: bool, late_s: float) -> None:
    """The last step decides, to the minute."""
    log = Log().hear(haul_plan(), *journey(o=(60, 60, 120, outbound_dlv)), score(9, 0.3, 600))
    status = log.statuses()[-1]
    assert (status.phase, status.ended_because) == (Phase.ENDED, HaulEnd.ARRIVED)
    assert (status.missed, status.late_s, status.p_late) == (missed, late_s, None)


def test_when_the_promise_is_over_nobody_asks_any_more() -> None:
    """It is missed; a scan that says otherwise afterwards is believed."""
    log = Log().hear(haul_plan(), *journey()[:-1], clock(PROMISE_MIN + 100))
    status = log.statuses()[-1]
    assert (status.phase, status.missed, minutes_after(status.as_of)) == (Phase.UNDERWAY, True, PROMISE_MIN)
    count = len(log.questions())
    late_word = replace(journey()[-1], received_at=step_scan("o", "DLV", PROMISE_MIN + 200).received_at)
    log.hear(late_word, clock(5000))
    assert (log.statuses()[-1].missed, len(log.questions())) == (False, count)


def test_a_route_takes_over_and_may_give_back() -> None:
    """While a route carries the shipment nobody asks here; released, it is asked about again."""
    log = Log().hear(haul_plan(), score(1), routed(at_min=10), clock(300))
    status = log.statuses()[-1]
    assert (status.ended_because, status.route_id, status.p_late) == (HaulEnd.ROUTED, "R-1", None)
    assert len(log.questions()) == 1
    log.hear(routed(None, 310, version=2, stop=None))
    assert (asked(log)[-1], log.statuses()[-1].ended_because) == (("underway", 310), None)


def test_a_shipment_that_ends_on_the_way_is_no_broken_promise() -> None:
    """Cancelled: nothing is asked, and nobody knows whether it would have come in time."""
    log = Log().hear(haul_plan(), parcel_scan(9, Milestone.CANCELLED, at_s=60), clock(2000))
    status = log.statuses()[-1]
    assert (status.ended_because, status.missed) == (HaulEnd.SHIPMENT_ENDED, None)
    assert len(log.questions()) == 1


def test_it_is_kept_until_its_promise_is_long_over_and_then_forgotten_everywhere() -> None:
    """A haul may take longer than logs are kept; its status goes with a tombstone."""
    days_min = 24 * 60.0
    log = Log().hear(haul_plan(starts_at=parcel_scan(at_s=86_400 * 20).occurred_at), clock(9 * days_min))
    assert b"h/P-1" in log.changelog
    log.hear(clock(20 * days_min + PROMISE_MIN + 8 * days_min))
    assert not [key for key in log.changelog if key.startswith((b"h/", b"s/"))]
    assert [out.key for out in log.outs if out.topic == topics.SHIPMENT_STATUS and out.value is None] == [
        b"P-1"
    ]


def test_a_shipment_without_a_plan_costs_nothing() -> None:
    """No question, no status, no entry: what parcels of the last mile wrote they write now."""
    log = Log().hear(
        step_scan("a", "RCS", 1), routed(at_min=2), step_scan("a", "DEP", 3), score(1), clock(99)
    )
    assert not log.questions()
    assert not log.statuses()
    assert set(log.changelog) == {b"s/P-1", b"c/clock"}


def test_a_place_may_be_a_hub_or_any() -> None:
    """The stop of the scan, else its hub, else a step that names no place."""
    plan = haul_plan()
    steps = plan.outbound.steps
    outbound = replace(plan.outbound, steps=(*steps[:-1], replace(steps[-1], place=None)))
    plan = replace(plan, outbound=outbound)
    scan = step_scan("o", "DLV", 700, stop_id="elsewhere")
    mark = find_mark(scan)
    assert mark is not None
    assert find_done(plan, [mark])[-1][-1] == mark[-1]
    assert measure(plan, find_done(plan, [mark])).outbound.next_step is None


@st.composite
def logs(draw: st.DrawFn) -> list[object]:
    """A journey with delays, shuffled a little, with copies, answers, routes, versions and ticks."""
    took = {leg: tuple(draw(st.integers(0, 300)) for _ in range(4)) for leg in ("a", "b", "o")}
    events: list[object] = [haul_plan(), *journey(**took)]
    extras = st.sampled_from(
        [
            haul_plan(2),
            routed(at_min=200),
            routed(None, 300, version=2, stop=None),
            score(1, 0.5, 10),
            clock(150),
            clock(650),
            clock(2000),
            step_scan("a", "RCS", 33, revision=2),
        ]
    )
    for extra in draw(st.lists(extras, max_size=6)):
        events.insert(draw(st.integers(0, len(events))), extra)
    for _ in range(draw(st.integers(0, 3))):
        events.insert(draw(st.integers(0, len(events))), draw(st.sampled_from(events)))
    return events


@settings(max_examples=100, deadline=None)
@given(logs(), st.data())
def test_polls_and_restarts_change_nothing(events: list[object], data: st.DataObject) -> None:
    """One poll, or any cut with a restore between: the same questions, statuses and changelog."""
    cut = data.draw(st.integers(0, len(events)))
    whole = Log().hear(*events)
    parts = Log().hear(*events[:cut]).restart().hear(*events[cut:])
    assert parts.outs == whole.outs
    assert parts.changelog == whole.changelog
    assert [status.seq for status in whole.statuses()] == list(range(1, len(whole.statuses()) + 1))
