"""Exceptions about promises against what came true: right, due, found, lead, flaps, other thresholds."""

from __future__ import annotations

import msgspec
import pytest

from controltower.offline.promises_kept import AlertScore, RouteDay, fold_alerts, score_alerts, sweep
from controltower.route.limits import DEFAULT_LIMITS
from controltower.route.plan import parse_plan
from controltower.route.timeline import from_ms
from schemas import wire
from schemas.vocabulary import ExceptionCode, Resolution, ScoreSource
from tests.unit.roads import LEG_S, START_MS, make_plan, run_day, stand
from tests.unit.test_route_promises import log_with, score

Code = ExceptionCode
PROMISE_S = 300
#: Some exception of a real fold, to be made into others.
(SAMPLE, *_) = run_day(log_with(stand(0, 900, 0), [], shipments=1))


def day_of(late_s: int, shipments: int = 1) -> RouteDay:
    """A route that comes to each of its stops so many seconds late."""
    plan = parse_plan(make_plan(shipments=shipments, promise_s=PROMISE_S))
    arrivals = {i: START_MS + (i * LEG_S + late_s) * 1000 for i in range(len(plan.stops))}
    return RouteDay(plan, START_MS + late_s * 1000, arrivals)


def told(code: ExceptionCode, at_s: float, name: str = "e", **more: object) -> wire.ExceptionRecord:
    """An exception that was detected so many seconds after the start."""
    at = from_ms(START_MS + int(at_s * 1000))
    return msgspec.structs.replace(SAMPLE, exception_id=name, code=code, detected_at=at, seq=1, **more)


def row_of(days: list[RouteDay], code: ExceptionCode) -> AlertScore:
    return next(row for row in score_alerts(days, DEFAULT_LIMITS) if row.code is code)


def test_a_warning_is_right_where_a_promise_breaks_after_it() -> None:
    """It leads by the time to the first promise that breaks after it; told after the last one it is late."""
    early, late, wrong = day_of(400), day_of(400), day_of(100)
    early.records, late.records = [told(Code.SLA_AT_RISK, 60)], [told(Code.SLA_AT_RISK, 9000)]
    wrong.records = [told(Code.SLA_AT_RISK, 60)]
    row = row_of([early, late, wrong], Code.SLA_AT_RISK)
    assert (row.alerts, row.right, row.due, row.found) == (3, 1, 2, 1)
    assert row.leads_s == [PROMISE_S - 60]


def test_a_warning_whose_trip_was_not_recorded_to_its_end_is_undecided() -> None:
    """Nobody knows whether it would have come true, so it counts for neither; nor does a late departure of a
    trip that was never seen to leave."""
    cut, unseen = day_of(100), day_of(100)
    cut.arrivals_ms = {i: at_ms for i, at_ms in cut.arrivals_ms.items() if i < 5}
    cut.records = [told(Code.SLA_AT_RISK, 60)]
    row = row_of([cut], Code.SLA_AT_RISK)
    assert (row.alerts, row.right, row.undecided, row.precision) == (1, 0, 1, None)
    unseen.arrivals_ms, unseen.departed_ms = {}, None
    unseen.records = [told(Code.LATE_DEPARTURE, 900)]
    row = row_of([unseen], Code.LATE_DEPARTURE)
    assert (row.due, row.undecided) == (0, 1)


def test_a_timetable_is_due_from_ten_minutes_beyond_its_promise() -> None:
    """Eight minutes late is no broken timetable, but a broken promise to a customer."""
    assert [row_of([day_of(480, parcels)], Code.SLA_BREACHED).due for parcels in (0, 1)] == [0, 1]
    assert row_of([day_of(960, 0)], Code.SLA_BREACHED).due == 1


def test_a_slip_is_found_by_whatever_tells_of_it() -> None:
    """ETA_SLIP is not opened beside the others, so they count for it."""
    day = day_of(1000)
    day.records = [told(Code.SLA_BREACHED, 700)]
    row = row_of([day], Code.ETA_SLIP)
    assert (row.alerts, row.due, row.found) == (0, 1, 1)


def test_flaps_are_returns_and_further_openings_per_hundred_routes() -> None:
    """What was taken back counts neither way."""
    day = day_of(400)
    taken_back = told(Code.SLA_AT_RISK, 10, "r", resolution=Resolution.RETRACTED)
    day.records = [
        told(Code.SLA_AT_RISK, 60, "a", occurrence_count=2),
        told(Code.SLA_AT_RISK, 200, "b"),
        taken_back,
    ]
    assert len(fold_alerts(day.records)) == 2
    assert row_of([day, day_of(0)], Code.SLA_AT_RISK).flaps_per_100 == pytest.approx(100.0)


def test_other_thresholds_are_tried_on_the_recorded_scores() -> None:
    """The mean of the scores comes to the lower threshold earlier, and to the highest one never."""
    day = day_of(400)
    says = [(30, 0.5), (160, 0.6), (300, 0.9), (430, 0.9)]
    day.scores = [one for at, p in says if isinstance(one := score(at, p), wire.Score)]
    assert all(one.scored_by is ScoreSource.MODEL for one in day.scores)
    leads = [row.lead_s for _, row in sweep([day], DEFAULT_LIMITS, (0.4, 0.8, 0.95))]
    assert leads == [PROMISE_S - 160, PROMISE_S + 2 * LEG_S - 430, None]
