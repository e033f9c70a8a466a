"""The ETAs of a status, written as JSON by hand: the same bytes as the structs would give."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from controltower.route.eta import SPREAD_S, SPREAD_SHARE, estimate_p50s
from controltower.route.eta_text import write_etas
from controltower.route.packed import open_arrivals, open_shares, pack
from controltower.route.plan import RoutePlan, parse_plan
from controltower.route.scores import LATE_STEPS, late_steps_of, spread_arrivals
from controltower.route.state import Risk
from schemas import wire

START = datetime(2026, 2, 16, 6, 0, tzinfo=UTC)
START_MS = int(START.timestamp()) * 1000


def plan_of(stop_ids: list[str], promises: list[timedelta | None]) -> RoutePlan:
    """Stops 100 m and 5 min apart."""
    stops = []
    for i, (stop_id, promise) in enumerate(zip(stop_ids, promises, strict=True)):
        at = START + timedelta(minutes=5 * i)
        promised_by = None if promise is None else at + promise
        place = {"lat": 48.0 + i / 1000, "lon": 11.0, "planned_arrival": at, "planned_departure": at}
        stops.append(wire.Stop(stop_id=stop_id, sequence=i, promised_by=promised_by, **place))
    ends_by = START + timedelta(hours=12)
    return parse_plan(
        wire.Plan(route_id="r", version=1, carrier="c", departs_at=START, ends_by=ends_by, stops=tuple(stops))
    )


def structs_of(
    plan: RoutePlan, promises: list[datetime | None], risk: Risk, slip_ms: int, now_ms: int
) -> tuple[wire.StopEta, ...]:
    """The same by the formula in `eta.py` and the structs of the wire."""

    def instant(second: int) -> datetime:
        return datetime.fromtimestamp(second, UTC)

    etas, now_s, places = [], now_ms // 1000, range(len(plan.stops))
    arrivals = spread_arrivals(open_arrivals(risk.arrivals), places)
    for i, p50_ms in enumerate(estimate_p50s(plan.stops, places, slip_ms, now_ms)):
        p50_s = p50_ms // 1000
        early_s = late_s = int(SPREAD_S + SPREAD_SHARE * (p50_s - now_s))
        if arrivals:
            later_s, early_s, late_s = arrivals[i]
            p50_s = max(now_s, p50_s + later_s)
        promised_ms = plan.stops[i].promised_ms
        slack_s = None if promised_ms is None else promised_ms // 1000 - p50_s
        follows = None if slack_s is None else late_steps_of(slack_s, early_s, late_s) / LATE_STEPS
        etas.append(
            wire.StopEta(
                stop_id=plan.stops[i].stop_id,
                promised_by=promises[i],
                p10=instant(max(now_s, p50_s - early_s)),
                p50=instant(p50_s),
                p90=instant(p50_s + late_s),
                p_late=open_shares(risk.p_late).get(i, follows),
            )
        )
    return tuple(etas)


@given(
    stop_ids=st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=6, unique=True),
    promised=st.lists(st.none() | st.timedeltas(timedelta(0), timedelta(hours=2)), min_size=6, max_size=6),
    p_late=st.dictionaries(st.integers(0, 5), st.floats(0, 1), max_size=3),
    arrivals=st.dictionaries(
        st.integers(0, 5),
        st.tuples(st.integers(-900, 900), st.integers(0, 900), st.integers(0, 900)),
        max_size=3,
    ),
    slip_ms=st.integers(-3_600_000, 7_200_000),
    since_ms=st.integers(-3_600_000, 7_200_000),
)
def test_the_text_is_what_the_structs_would_give(
    stop_ids: list[str],
    promised: list[timedelta | None],
    p_late: dict[int, float],
    arrivals: dict[int, tuple[int, int, int]],
    slip_ms: int,
    since_ms: int,
) -> None:
    """Whatever stands in an id, with promises and scores or without."""
    promised = promised[: len(stop_ids)]
    plan, now_ms = plan_of(stop_ids, promised), START_MS + since_ms
    risk = Risk(p_late=pack(p_late), arrivals=pack(arrivals))
    text, slack_s, band_s = write_etas(plan, tuple(range(len(stop_ids))), risk, slip_ms, now_ms)
    promises = [None if p is None else START + timedelta(minutes=5 * i) + p for i, p in enumerate(promised)]
    etas = structs_of(plan, promises, risk, slip_ms, now_ms)
    assert text == wire.encode(etas)
    assert etas[0].p50 + timedelta(seconds=band_s) <= etas[0].p90
    slacks = [
        stop.promised_ms / 1000 - eta.p50.timestamp()
        for stop, eta in zip(plan.stops, etas, strict=True)
        if stop.promised_ms is not None
    ]
    assert (slack_s is None) == (not slacks)
    assert slack_s is None or abs(slack_s - min(slacks)) < 0.001


def test_no_stop_is_left() -> None:
    """A route that has ended tells none."""
    assert write_etas(plan_of(["a"], [None]), (), Risk(), 0, START_MS) == (b"[]", None, 0)
