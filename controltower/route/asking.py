"""When to look at a route and ask the delay model, and about which stops."""

from __future__ import annotations

from math import floor
from typing import Final

from controltower.detect import sla_at_risk
from controltower.risk.features import (
    FEATURES,
    SHARED_SET,
    SITUATION_FROM,
    Moment,
    Row,
    ahead_rows,
    situation_of,
    to_shift_row,
)
from controltower.route.eta import estimate_p50s
from controltower.route.judge import find_episode
from controltower.route.limits import Limits
from controltower.route.outcomes import settle_outcomes
from controltower.route.packed import open_answers
from controltower.route.plan import RoutePlan
from controltower.route.promises import judge_look
from controltower.route.route import Effects, Route
from controltower.route.steadied import least_to_reach, steadied_of
from controltower.route.timeline import from_ms
from schemas import wire
from schemas.vocabulary import ExceptionCode

#: What scores and ETAs open.
SCORED: Final = frozenset(
    {
        ExceptionCode.SLA_AT_RISK,
        ExceptionCode.SLA_BREACHED,
        ExceptionCode.ETA_SLIP,
        ExceptionCode.ROUTE_OVERLOADED,
    }
)

#: Its place in a situation.
_SPEED: Final = [name for name, _ in FEATURES].index("speed_ratio") - SITUATION_FROM
#: Slower than its plan from, and until: shares of the planned way over 5 to 10 min.
_SLOWER_FROM: Final = 0.85
_SLOWER_UNTIL: Final = 0.95
#: From which answer on reasons are wanted is told to so many parts, downwards: one too many does no harm.
_EXPLAIN_STEPS: Final = 10_000


def ask_if_due(route: Route, now_ms: int, limits: Limits, effects: Effects) -> None:
    """Look when the slip moved by more than a minute or 5 min have passed since the last look."""
    risk, plan = route.state.risk, route.plan
    if plan is None or route.state.ended_ms:
        return
    slip = route.slip_ms(now_ms)
    moved = abs(slip - risk.asked_slip_ms) > limits.score_slack_ms
    if risk.asked_ms and not moved and now_ms - risk.asked_ms < limits.score_every_ms:
        return
    risk.asked_ms, risk.asked_slip_ms = now_ms, slip
    remaining = route.remaining()
    settle_outcomes(route, now_ms, now_ms, effects)
    judge_look(route, remaining, slip, now_ms, limits, effects)
    chosen = choose_stops(route, remaining, slip, now_ms, limits)
    if not chosen:
        return
    risk.asked += 1
    moment = moment_of(route, plan, slip, now_ms, remaining)
    rows, situation = ahead_rows(moment, chosen), situation_of(moment)
    _note_speed(route, situation)
    is_timetable = not any(plan.stops[i].shipments for i in chosen)
    effects.tell(
        wire.ScoreRequest(
            request_id=f"{route.state.route_id}/{risk.asked}",
            route_id=route.state.route_id,
            tenant=route.state.tenant,
            as_of=from_ms(now_ms),
            feature_set=SHARED_SET,
            rows=tuple([wire.ScoreRow(plan.stops[i].stop_id, row) for i, row in rows]),
            situation=situation,
            shift=_shift_row(plan, rows[-1], now_ms),
            explain_from=_explain_from(route, is_timetable, now_ms, limits),
            explain_beyond_s=limits.timetable_risk_ms / 1000 if is_timetable else 0.0,
        )
    )
    effects.count("score_requests")


def _explain_from(route: Route, is_timetable: bool, now_ms: int, limits: Limits) -> float | None:
    """What an explanation is wanted for: the answer may open SLA_AT_RISK, or make it severe."""
    risk = route.state.risk
    steadied = steadied_of(open_answers(risk.answers), sla_at_risk.thresholds(limits))
    if steadied.severe or (is_timetable and find_episode(route, ExceptionCode.SLA_BREACHED) is not None):
        return None
    level = limits.severe_open if steadied.on else limits.risk_open
    unanswered = risk.asked - risk.answered[1]
    least = least_to_reach(steadied, level, now_ms, unanswered, limits.score_memory_ms)
    return None if least is None else floor(least * _EXPLAIN_STEPS) / _EXPLAIN_STEPS


def _shift_row(plan: RoutePlan, last: tuple[int, Row], now_ms: int) -> Row | None:
    """The last stop against the end of the shift; None where the route has no load or it is not the last."""
    index, row = last
    stop = plan.stops[index]
    if index + 1 < len(plan.stops) or not stop.shipments:
        return None
    return to_shift_row(row, (plan.ends_ms - stop.service_ms - now_ms) / 1000)


def _note_speed(route: Route, situation: Row) -> None:
    """Since when it has been slower than its plan: the beginning of the stretch over which that was seen."""
    risk, ratio = route.state.risk, situation[_SPEED]
    if ratio is None or ratio >= _SLOWER_UNTIL:
        risk.slower_since_ms = 0
    elif ratio < _SLOWER_FROM and not risk.slower_since_ms:
        risk.slower_since_ms = route.snapshot.progress.samples.old_at_ms


def moment_of(route: Route, plan: RoutePlan, slip_ms: int, now_ms: int, remaining: tuple[int, ...]) -> Moment:
    """What is known of a route when a question is asked."""
    return Moment(
        plan, route.snapshot, slip_ms, now_ms, remaining, route.state.served, _open_exceptions(route)
    )


def _open_exceptions(route: Route) -> int:
    """How many are open that rest on what was seen: what a score has opened must not feed the next one."""
    return sum([1 for e in route.state.episodes if not e.cleared_ms and e.code not in SCORED])


def choose_stops(
    route: Route, remaining: tuple[int, ...], slip_ms: int, now_ms: int, limits: Limits
) -> tuple[int, ...]:
    """The next stop, the last one (it ends the shift) and the tightest between, in their order.

    A promise already broken is not at risk, so its stop is left out, but for a last one with parcels.
    """
    plan = route.plan
    assert plan is not None, "without a plan there is nothing to ask about"
    stops = plan.stops
    kept = [i for i in remaining if (p := stops[i].promised_ms) is not None and p > now_ms]
    last = remaining[-1:] if remaining and stops[remaining[-1]].shipments else ()
    if len(kept) <= limits.score_stops:
        return tuple(sorted({*kept[: limits.score_stops - len(last)], *last}))
    between = kept[1:-1]
    p50s = estimate_p50s(stops, between, slip_ms, now_ms)
    slacks_ms = [(stops[i].promised_ms or 0) - p50s[place] for place, i in enumerate(between)]
    places = sorted(range(len(between)), key=slacks_ms.__getitem__)[: limits.score_stops - 2]
    tightest = [between[place] for place in places]
    return tuple(sorted({kept[0], *(last or kept[-1:]), *tightest}))
