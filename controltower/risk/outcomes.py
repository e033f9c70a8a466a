"""Put what came true beside what was asked: stories and arrivals become the rows of a history."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from controltower.risk.features import FEATURES, Row
from controltower.risk.history import Floats, History
from controltower.risk.questions import Question, RouteStory
from controltower.route.plan import RoutePlan

_HORIZON = [name for name, _ in FEATURES].index("horizon_s")


class Told(NamedTuple):
    """A route with its truth. arrivals: ms per stop of the plan, NaN where nobody knows."""

    route_id: str
    block: str
    story: RouteStory
    arrivals: Floats


class _Rows(NamedTuple):
    features: list[Row]
    error_s: list[float]
    late: list[float]
    as_of_ms: list[int]
    route: list[int]
    place: list[int]
    stop: list[int]


class _Legs(NamedTuple):
    leg_route: list[int]
    leg_stop: list[int]
    leg: list[str]
    leg_gain_s: list[float]
    leg_ends_ms: list[int]


def make_history(source: str, told: Iterable[Told]) -> History:
    """Routes without a plan or a question are left out."""
    rows, legs = _Rows([], [], [], [], [], [], []), _Legs([], [], [], [], [])
    routes: list[tuple[str, str, str]] = []
    for one in told:
        plan = one.story.plan
        if plan is None or not one.story.questions:
            continue
        for question in one.story.questions:
            _answer(rows, question, plan, one.arrivals, len(routes))
        _measure_legs(legs, plan, one.arrivals, len(routes))
        routes.append((one.route_id, one.block, plan.carrier))
    names = np.array(routes, dtype=np.str_).reshape(len(routes), 3)
    return History(
        source=source,
        features=np.array(rows.features, dtype=np.float64).reshape(len(rows.late), len(FEATURES)),
        error_s=np.array(rows.error_s, dtype=np.float64),
        late=np.array(rows.late, dtype=np.float64),
        **{
            name: np.array(getattr(rows, name), dtype=np.int64)
            for name in ("as_of_ms", "route", "place", "stop")
        },
        route_id=names[:, 0],
        block=names[:, 1],
        carrier=names[:, 2],
        leg=np.array(legs.leg, dtype=np.str_),
        leg_gain_s=np.array(legs.leg_gain_s, dtype=np.float64),
        **{
            name: np.array(getattr(legs, name), dtype=np.int64)
            for name in ("leg_route", "leg_stop", "leg_ends_ms")
        },
    )


def _answer(rows: _Rows, question: Question, plan: RoutePlan, arrivals: Floats, route: int) -> None:
    place, last = question.place, question.last
    for index, row in question.rows:
        promised = plan.stops[index].promised_ms
        _append(rows, question, row, float(arrivals[index]), promised, (route, place, index))
    due = question.shift_due_ms
    _append(rows, question, question.shift, float(arrivals[last]), due, (route, place, last))


def _append(
    rows: _Rows,
    question: Question,
    row: Row,
    arrived_ms: float,
    promised_ms: int | None,
    where: tuple[int, int, int],
) -> None:
    if math.isnan(arrived_ms):
        return
    horizon_s = row[_HORIZON] or 0.0
    rows.features.append(row)
    rows.error_s.append((arrived_ms - question.as_of_ms) / 1000 - horizon_s)
    rows.late.append(math.nan if promised_ms is None else float(arrived_ms > promised_ms))
    rows.as_of_ms.append(question.as_of_ms)
    rows.route.append(where[0])
    rows.place.append(where[1])
    rows.stop.append(where[2])


def _measure_legs(legs: _Legs, plan: RoutePlan, arrivals: Floats, route: int) -> None:
    """What each leg added to the slip, named after its stops, where both arrivals are known."""
    for end in range(1, len(plan.stops)):
        gain_ms = arrivals[end] - arrivals[end - 1]
        if math.isnan(gain_ms):
            continue
        one, other = plan.stops[end - 1], plan.stops[end]
        legs.leg_route.append(route)
        legs.leg_stop.append(end)
        legs.leg.append(f"{one.stop_id}>{other.stop_id}")
        legs.leg_gain_s.append((float(gain_ms) - (other.arrival_ms - one.arrival_ms)) / 1000)
        legs.leg_ends_ms.append(int(arrivals[end]))
