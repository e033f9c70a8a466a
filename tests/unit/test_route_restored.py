"""What a takeover reads of a route: when to look at it, and what the delay model has answered."""

from __future__ import annotations

from msgspec import Raw

from controltower.route.deadlines import wake_ms
from controltower.route.evidence import Progress, Snapshot
from controltower.route.limits import DEFAULT_LIMITS
from controltower.route.packed import open_arrivals, open_shares, pack_snapshot
from controltower.route.plan import parse_plan
from controltower.route.route import Route
from controltower.route.scores import take_score
from controltower.route.snapshots import encode_with
from controltower.route.state import RouteState, decode_state
from schemas import wire
from tests.unit.roads import ROUTE, START_MS, make_plan
from tests.unit.test_route_promises import score

DEPARTS_MS, ENDS_MS = START_MS, START_MS + 8 * 3_600_000


def state_with(departed_ms: int) -> RouteState:
    base = pack_snapshot(Snapshot(progress=Progress(at_ms=START_MS, departed_ms=departed_ms)))
    return RouteState(ROUTE, plan_version=1, plan_ends_ms=ENDS_MS, plan_departs_ms=DEPARTS_MS, base=Raw(base))


def test_a_route_that_has_not_departed_is_looked_at_when_that_is_late() -> None:
    """From its state alone: without its plan, and without opening its snapshot."""
    assert wake_ms(state_with(0), DEFAULT_LIMITS) == DEPARTS_MS + DEFAULT_LIMITS.late_departure_ms


def test_a_route_that_has_departed_is_not_looked_at_for_that() -> None:
    """The end of its plan is the next thing."""
    assert wake_ms(state_with(START_MS), DEFAULT_LIMITS) == ENDS_MS + DEFAULT_LIMITS.route_over_ms


def test_what_the_model_answered_about_each_stop_is_kept_through_a_takeover() -> None:
    """P(late) and the arrival of every stop that was asked about."""
    plan = parse_plan(make_plan())
    route, answer = Route(RouteState(ROUTE), plan), score(60, 0.4, (7, 8, 9))
    assert isinstance(answer, wire.Score)
    etas_ms = take_score(route, plan, answer, START_MS + 60_000)
    assert list(etas_ms) == [7, 8, 9]
    for risk in (route.state.risk, decode_state(encode_with(route.state, route.trail)).risk):
        assert open_shares(risk.p_late) == {7: 0.4, 8: 0.4, 9: 0.4}
        kept = open_arrivals(risk.arrivals)
        assert {i: spread for i, (_, *spread) in kept.items()} == {i: [60, 90] for i in (7, 8, 9)}
        assert risk.model_version == "m1"
