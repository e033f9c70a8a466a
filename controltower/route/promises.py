"""Hold the promises of a route against its scores, its slip and the clock; one exception each per route.

What operators would hear twice is told once: SLA_AT_RISK gives way to SLA_BREACHED where nothing is left to
save, and ETA_SLIP to both of them and to LATE_DEPARTURE.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from controltower.detect import eta_slip, route_overloaded, sla_at_risk, sla_breached
from controltower.detect.rule import Explained
from controltower.exceptions import lifecycle
from controltower.exceptions.episode import Episode, Trigger
from controltower.route.judge import end_episode, find_episode, hold_against, say
from controltower.route.limits import Limits
from controltower.route.packed import AS_USUAL, NO_ENTRIES, open_answers, open_shares, pack
from controltower.route.plan import RoutePlan
from controltower.route.route import Effects, Route, subject_of
from controltower.route.scores import question_of
from controltower.route.state import Load, open_load
from controltower.route.steadied import steadied_of, take_answer
from schemas import wire
from schemas.vocabulary import Resolution


def judge_scores(
    route: Route,
    score: wire.Score,
    etas_ms: Mapping[int, int],
    explanation: tuple[Explained, ...],
    summary: str | None,
    now_ms: int,
    trigger: Trigger | None,
    limits: Limits,
    effects: Effects,
) -> None:
    """After a score; `etas_ms`: the median arrival at each stop of the newest answer."""
    plan, risk = route.plan, route.state.risk
    if plan is None:
        return
    asked_ms, _ = question_of(score)
    worst = sla_at_risk.weigh_answer(plan, score, limits)
    answers = open_answers(risk.answers)
    steadied = take_answer(answers, (asked_ms, worst), sla_at_risk.thresholds(limits))
    risk.answers = pack(answers)
    if not _is_told_as_breach(route):
        at_risk = sla_at_risk.verdict(risk, steadied, plan, etas_ms, now_ms, limits, explanation, summary)
        hold_against(route, sla_at_risk.CODE, at_risk, now_ms, trigger, limits, effects)
        _give_way(route, now_ms, limits, effects)
    if score.p_shift is not None:
        load = open_load(risk)
        take_answer(load.answers, (asked_ms, 1.0 - score.p_shift), route_overloaded.thresholds(limits))
        risk.load = pack(load)
    if risk.load is not AS_USUAL:
        _judge_load(route, plan, open_load(risk), now_ms, trigger, limits, effects)


def _judge_load(
    route: Route,
    plan: RoutePlan,
    load: Load,
    now_ms: int,
    trigger: Trigger | None,
    limits: Limits,
    effects: Effects,
) -> None:
    if load.p_done is None or not any(stop.shipments for stop in plan.stops):
        return
    undone = steadied_of(load.answers, route_overloaded.thresholds(limits))
    verdict = route_overloaded.verdict(undone, load.p_done, len(route.remaining()), plan.ends_ms)
    hold_against(route, route_overloaded.CODE, verdict, now_ms, trigger, limits, effects)


def bits_of(mask: int) -> list[int]:
    """The indices of the bits that are set."""
    return [i for i in range(mask.bit_length()) if mask >> i & 1]


def expect_promises(route: Route, limits: Limits) -> None:
    """A plan came: what scores have said was about another one, and its first promise is waited for."""
    risk, plan = route.state.risk, route.plan
    risk.p_late, risk.arrivals, risk.foretold = NO_ENTRIES, NO_ENTRIES, b""
    risk.promise_due_ms = sla_breached.due_ms(plan, unserved(route), 0, limits) if plan else 0


def unserved(route: Route) -> tuple[int, ...]:
    """Stops without a scan of service; where none is ever scanned, those that were not passed."""
    plan, served = route.plan, route.state.served
    if plan is None or not served:
        return route.remaining()
    return tuple([i for i in range(len(plan.stops)) if not served >> i & 1])


def promise_due(route: Route, due_ms: int, limits: Limits, effects: Effects) -> None:
    """The end of a promise to a customer has come. While the feed is down nobody knows, so it waits; so it
    does while a scan that kept it may be on its way."""
    risk, plan, verdicts = route.state.risk, route.plan, effects.verdicts
    assert plan is not None, "only a plan has promises"
    if verdicts is not None and verdicts.find_down_at(route.state.feed, due_ms) is not None:
        risk.promise_due_ms = due_ms + limits.score_every_ms
    else:
        left = unserved(route)
        risk.promise_due_ms = sla_breached.due_ms(plan, left, due_ms, limits)
        if effects.shipments is not None and effects.shipments.is_behind(due_ms):
            route.state.promises_waiting = (*route.state.promises_waiting, due_ms)
            effects.shipments.wait(route.state.route_id)
        else:
            judge_missed(route, left, due_ms, due_ms, limits, effects)
    route.due_ms = 0


def judge_look(
    route: Route, left: Sequence[int], slip_ms: int, now_ms: int, limits: Limits, effects: Effects
) -> None:
    """The vehicle is looked at: timetable promises that it has broken, and its slip."""
    plan = route.plan
    if plan is None or not left:
        return
    underway = bool(route.snapshot.progress.departed_ms)
    if underway and not plan.stops[left[0]].shipments and slip_ms > limits.timetable_breach_ms:
        judge_missed(route, left, now_ms, now_ms, limits, effects)
    judge_slip(route, slip_ms, now_ms, limits, effects)


def judge_slip(route: Route, slip_ms: int, now_ms: int, limits: Limits, effects: Effects) -> None:
    """After a look, and where a fix changed what is to be told, or what told of it already is over."""
    slipping = route.snapshot.slipping
    episode = find_episode(route, eta_slip.CODE)
    if slipping.level and _is_told_otherwise(route):
        return
    if episode is None:
        anew_ms = route.state.risk.slip_ended_ms
        if not slipping.level or (anew_ms and now_ms < anew_ms + limits.slip_looks * limits.score_every_ms):
            return
    hold_against(route, eta_slip.CODE, eta_slip.verdict(slipping, slip_ms), now_ms, None, limits, effects)


def judge_missed(
    route: Route, left: Sequence[int], asof_ms: int, now_ms: int, limits: Limits, effects: Effects
) -> None:
    """Which promises were broken at `asof_ms`; what was told is told again when it lists twice as many
    stops."""
    plan, risk = route.plan, route.state.risk
    if plan is None:
        return
    underway = bool(route.snapshot.progress.departed_ms)
    missed = risk.missed | sla_breached.find_missed(plan, left, asof_ms, underway, limits)
    if missed == risk.missed:
        return
    risk.missed = missed
    _tell_missed(route, plan, now_ms, None, limits, effects)
    _give_way(route, now_ms, limits, effects)
    slip = find_episode(route, eta_slip.CODE)
    if slip is not None:
        end_episode(route, slip, Resolution.SUPERSEDED, now_ms, limits, effects)


def _tell_missed(
    route: Route, plan: RoutePlan, now_ms: int, trigger: Trigger | None, limits: Limits, effects: Effects
) -> None:
    verdict = sla_breached.verdict(route.state.risk.missed, plan, now_ms)
    hold_against(route, sla_breached.CODE, verdict, now_ms, trigger, limits, effects)
    episode = find_episode(route, sla_breached.CODE)
    if episode is None:
        return
    stops = route.state.risk.missed.bit_count()
    if episode.stops_told and stops >= 2 * episode.stops_told:
        say(route, effects, lifecycle.grow(episode, subject_of(route, limits), now_ms))
        episode.stops_told = stops
    episode.stops_told = episode.stops_told or stops


def take_back_missed(
    route: Route, index: int, served_at_ms: int, now_ms: int, limits: Limits, effects: Effects
) -> None:
    """A stop that was told as missed was served in time after all, as a late scan says."""
    plan, risk = route.plan, route.state.risk
    if plan is None or not risk.missed >> index & 1:
        return
    promised_ms = plan.stops[index].promised_ms
    if promised_ms is None or served_at_ms > promised_ms:
        return
    risk.missed &= ~(1 << index)
    episode = find_episode(route, sla_breached.CODE)
    if episode is None:
        return
    if not risk.missed:
        end_episode(route, episode, Resolution.RETRACTED, now_ms, limits, effects)
    else:
        lifecycle.take_numbers(episode, sla_breached.verdict(risk.missed, plan, now_ms))


def _give_way(route: Route, now_ms: int, limits: Limits, effects: Effects) -> None:
    """SLA_AT_RISK ends where SLA_BREACHED tells all of it; ETA_SLIP where SLA_AT_RISK does."""
    at_risk = find_episode(route, sla_at_risk.CODE)
    if at_risk is None:
        return
    if find_episode(route, sla_breached.CODE) is not None and not _is_to_be_saved(route, at_risk, now_ms):
        end_episode(route, at_risk, Resolution.SUPERSEDED, now_ms, limits, effects)
        return
    slip = find_episode(route, eta_slip.CODE)
    if slip is not None and not at_risk.cleared_ms:
        end_episode(route, slip, Resolution.SUPERSEDED, now_ms, limits, effects)


def _is_to_be_saved(route: Route, at_risk: Episode, now_ms: int) -> bool:
    """Some promise to a customer among those at risk can still be kept."""
    plan, p_late = route.plan, open_shares(route.state.risk.p_late)
    assert plan is not None, "without a plan nothing is at risk"
    ahead = (plan.stops[i] for i in p_late)
    return not at_risk.cleared_ms and any(
        stop.shipments and stop.promised_ms is not None and stop.promised_ms > now_ms for stop in ahead
    )


def _is_told_as_breach(route: Route) -> bool:
    """A timetable that is broken already: that it will be broken at the next stops, too, is no news."""
    plan = route.plan
    assert plan is not None, "without a plan nothing is scored"
    return find_episode(route, sla_breached.CODE) is not None and not any(
        plan.stops[i].shipments for i in open_shares(route.state.risk.p_late)
    )


def _is_told_otherwise(route: Route) -> bool:
    return any(e.code in eta_slip.TOLD_BY and not e.cleared_ms for e in route.state.episodes)
