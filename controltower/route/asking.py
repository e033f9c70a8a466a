"""When to ask the delay model, and about which stops."""

from __future__ import annotations

from controltower.risk.features import FEATURE_SET, Moment, feature_rows
from controltower.route.eta import estimate_p50s
from controltower.route.limits import Limits
from controltower.route.route import Effects, Route
from controltower.route.timeline import from_ms
from schemas import wire


def ask_if_due(route: Route, now_ms: int, limits: Limits, effects: Effects) -> None:
    """Ask when the slip moved by more than a minute or 5 min have passed since the last question."""
    risk, plan = route.state.risk, route.plan
    if plan is None or route.state.ended_ms:
        return
    slip = route.slip_ms(now_ms)
    moved = abs(slip - risk.asked_slip_ms) > limits.score_slack_ms
    if risk.asked and not moved and now_ms - risk.asked_ms < limits.score_every_ms:
        return
    remaining = route.remaining()
    chosen = choose_stops(route, remaining, slip, now_ms, limits)
    if not chosen:
        return
    risk.asked, risk.asked_ms, risk.asked_slip_ms = risk.asked + 1, now_ms, slip
    moment = Moment(plan, route.snapshot, slip, now_ms, remaining)
    rows = [wire.ScoreRow(plan.stops[i].stop_id, row) for i, row in feature_rows(moment, chosen)]
    effects.tell(
        wire.ScoreRequest(
            request_id=f"{route.state.route_id}/{risk.asked}",
            route_id=route.state.route_id,
            tenant=route.state.tenant,
            as_of=from_ms(now_ms),
            feature_set=FEATURE_SET,
            rows=tuple(rows),
        )
    )
    effects.count("score_requests")


def choose_stops(
    route: Route, remaining: tuple[int, ...], slip_ms: int, now_ms: int, limits: Limits
) -> tuple[int, ...]:
    """The next stop and the tightest ones, in their order. A promise already broken is not at risk."""
    plan = route.plan
    assert plan is not None, "without a plan there is nothing to ask about"
    stops = plan.stops
    promises = [(p, i) for i in remaining if (p := stops[i].promised_ms) is not None and p > now_ms]
    p50s = estimate_p50s(stops, [i for _, i in promises], slip_ms, now_ms)
    slack = [(promised - p50, i) for (promised, i), p50 in zip(promises, p50s, strict=True)]
    if len(slack) <= limits.score_stops:
        return tuple(i for _, i in slack)
    nearest = slack[0]
    tightest = sorted(slack[1:])[: limits.score_stops - 1]
    return tuple(sorted(i for _, i in (nearest, *tightest)))
