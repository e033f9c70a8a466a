"""Hold the exceptions of a route against what its rules say now: open, clear, go on, refresh."""

from __future__ import annotations

from typing import Final

from controltower.detect import (
    excess_dwell,
    long_halt,
    route_deviation,
    sequence_break,
    slow_progress,
    stop_skipped,
)
from controltower.detect.rule import Verdict
from controltower.exceptions import lifecycle
from controltower.exceptions.answering import FLAPPING_HOLD_MS
from controltower.exceptions.episode import Episode, Trigger
from controltower.route.eta import estimate_p50s
from controltower.route.limits import Limits
from controltower.route.packed import pack
from controltower.route.plan import RoutePlan
from controltower.route.route import Effects, Route, subject_of
from controltower.route.state import Load, Risk
from controltower.route.steadied import begin_anew
from schemas import wire
from schemas.vocabulary import ExceptionCode, Resolution, Transition

_SCORED: Final = frozenset({ExceptionCode.SLA_AT_RISK, ExceptionCode.ROUTE_OVERLOADED})
#: Opened by scores and slip, which are looked at every few minutes.
_SLOW: Final = frozenset({ExceptionCode.SLA_AT_RISK, ExceptionCode.ETA_SLIP, ExceptionCode.ROUTE_OVERLOADED})


def find_episode(route: Route, code: ExceptionCode) -> Episode | None:
    """The exception of this code that has not ended, if any."""
    for episode in route.state.episodes:
        if episode.code is code:
            return episode
    return None


def hold_until_ms(episode: Episode, limits: Limits) -> int:
    """Until when a cleared exception may come back as the same one.

    What counts is when the condition began anew, which is known only once its evidence suffices: so the
    wait is the hold plus the time that this evidence takes.
    """
    evidence_ms = {
        ExceptionCode.LONG_HALT: limits.halt_ms,
        ExceptionCode.EXCESS_DWELL: limits.dwell_floor_ms,
        ExceptionCode.ROUTE_DEVIATION: limits.detour_ms,
        ExceptionCode.SLOW_PROGRESS: 3 * limits.slow_every_ms,
        ExceptionCode.SEQUENCE_BREAK: limits.reversal_ms,
        ExceptionCode.SIGNAL_LOST: limits.silence_unknown_ms,
    }
    return episode.cleared_ms + _hold_ms(episode, limits) + evidence_ms.get(episode.code, 0)


def _hold_ms(episode: Episode, limits: Limits) -> int:
    hold_ms = limits.scored_hold_ms if episode.code in _SLOW else limits.hold_ms
    return max(hold_ms, FLAPPING_HOLD_MS) if episode.flapping else hold_ms


def may_judge(route: Route) -> bool:
    """False where no rule of a fix is on and no exception open: then there is nothing to hold."""
    if route.state.episodes:
        return True
    now = route.trail.now
    return now.halt.on or now.dwell.on or now.detour.on or now.slow.on or now.reversal.on


def judge_fixes(route: Route, now_ms: int, trigger: Trigger | None, limits: Limits, effects: Effects) -> None:
    """After a fix: the rules that fixes wake, in order."""
    snapshot, plan = route.snapshot, route.plan
    if plan is None:
        return
    verdicts = (
        (long_halt.CODE, long_halt.verdict(snapshot.halt)),
        (excess_dwell.CODE, excess_dwell.verdict(snapshot.dwell, plan.stops)),
        (route_deviation.CODE, route_deviation.verdict(snapshot.detour, plan)),
        (slow_progress.CODE, slow_progress.verdict(snapshot.slow)),
    )
    for code, verdict in verdicts:
        hold_against(route, code, verdict, now_ms, trigger, limits, effects)
    _judge_sequence(
        route, sequence_break.verdict_of_way(snapshot.reversal), "order", now_ms, trigger, limits, effects
    )


def _judge_sequence(
    route: Route,
    verdict: Verdict,
    other: str,
    now_ms: int,
    trigger: Trigger | None,
    limits: Limits,
    effects: Effects,
) -> None:
    """Two rules share this code; neither clears what the `other` manner of it has opened."""
    episode = find_episode(route, sequence_break.CODE)
    if episode is None or episode.metrics.get("manner") != other:
        hold_against(route, sequence_break.CODE, verdict, now_ms, trigger, limits, effects)


def judge_served(
    route: Route,
    settled: int,
    asof_ms: int,
    now_ms: int,
    trigger: Trigger | None,
    limits: Limits,
    effects: Effects,
) -> None:
    """What was left out before the stops in `settled`, and whether that cost a promise at `asof_ms`."""
    plan, served = route.plan, route.state.served
    if plan is None:
        return
    skipped = sequence_break.find_left_out(plan.stops, served, settled, limits.skipped_after)
    verdict = stop_skipped.verdict(plan.stops, skipped, now_ms)
    hold_against(route, stop_skipped.CODE, verdict, now_ms, trigger, limits, effects)
    left_out = sequence_break.find_left_out(plan.stops, served, settled, 1)
    slack_ms = _least_slack_ms(route, plan, asof_ms) if left_out else None
    verdict = sequence_break.verdict_of_order(plan.stops, left_out, slack_ms, now_ms)
    _judge_sequence(route, verdict, "reversed", now_ms, trigger, limits, effects)


def _least_slack_ms(route: Route, plan: RoutePlan, now_ms: int) -> int | None:
    """Of the promises still open: the least time between the present ETA and the promise."""
    left = [i for i in range(len(plan.stops)) if not route.state.served >> i & 1 and plan.stops[i].shipments]
    p50s = estimate_p50s(plan.stops, left, route.slip_ms(now_ms), now_ms)
    slacks = [
        p - p50 for i, p50 in zip(left, p50s, strict=True) if (p := plan.stops[i].promised_ms) is not None
    ]
    return min(slacks, default=None)


def hold_against(
    route: Route,
    code: ExceptionCode,
    verdict: Verdict,
    now_ms: int,
    trigger: Trigger | None,
    limits: Limits,
    effects: Effects,
    parent_id: str | None = None,
) -> None:
    """One code: what its rule says against the exception that is open, if one is.

    parent_id: the exception that holds back one that is opened now.
    """
    episode = find_episode(route, code)
    if episode is None:
        if verdict.active:
            open_now(route, code, verdict, now_ms, trigger, limits, effects, parent_id)
        return
    if trigger is not None:
        episode.trigger = trigger
    if verdict.active and not episode.cleared_ms and not lifecycle.take_numbers(episode, verdict):
        return
    if not verdict.active and episode.cleared_ms:
        return
    subject = subject_of(route, limits)
    if not verdict.active:
        episode.metrics = dict(verdict.metrics) or episode.metrics
        say(route, effects, lifecycle.mark_cleared(episode, subject, now_ms))
        return
    if episode.cleared_ms and verdict.since_ms > episode.cleared_ms + _hold_ms(episode, limits):
        end_episode(route, episode, Resolution.AUTO, now_ms, limits, effects)
        open_now(route, code, verdict, now_ms, trigger, limits, effects, parent_id)
        return
    if episode.cleared_ms:
        say(route, effects, lifecycle.mark_back(episode, subject, verdict, now_ms))
        return
    say(route, effects, lifecycle.regrade(episode, subject, now_ms))


def open_now(
    route: Route,
    code: ExceptionCode,
    verdict: Verdict,
    now_ms: int,
    trigger: Trigger | None,
    limits: Limits,
    effects: Effects,
    parent_id: str | None = None,
) -> None:
    """A new exception of this code."""
    subject = subject_of(route, limits)
    model = route.state.risk.model_version if code in _SCORED else None
    episode = lifecycle.open_episode(subject, code, verdict, now_ms, trigger, model)
    episode.parent_id = episode.suppressed_by = parent_id
    route.state.episodes = (*route.state.episodes, episode)
    say(route, effects, lifecycle.tell(episode, subject, Transition.OPENED, now_ms))


def clear(route: Route, code: ExceptionCode, now_ms: int, limits: Limits, effects: Effects) -> None:
    """The condition of this code is over, if an exception of it is open."""
    episode = find_episode(route, code)
    if episode is not None and not episode.cleared_ms:
        say(route, effects, lifecycle.mark_cleared(episode, subject_of(route, limits), now_ms))


def forget_condition(risk: Risk, code: ExceptionCode, at_ms: int) -> None:
    """A person or another exception ended it: its evidence begins anew."""
    match code:
        case ExceptionCode.SLA_AT_RISK:
            risk.answers = pack(begin_anew(at_ms))
        case ExceptionCode.ETA_SLIP:
            risk.slip_ended_ms = at_ms
        case ExceptionCode.ROUTE_OVERLOADED:
            risk.load = pack(Load(answers=begin_anew(at_ms)))
        case _:
            pass


def end_episode(
    route: Route, episode: Episode, resolution: Resolution, at_ms: int, limits: Limits, effects: Effects
) -> None:
    """RESOLVED, exactly once: the episode leaves the state with it."""
    route.state.episodes = tuple([each for each in route.state.episodes if each is not episode])
    if resolution is not Resolution.AUTO:
        forget_condition(route.state.risk, episode.code, at_ms)
    ended = lifecycle.resolve(episode, subject_of(route, limits), resolution, at_ms)
    effects.archive.keep(ended)
    say(route, effects, ended)


def say(route: Route, effects: Effects, record: wire.ExceptionRecord | None) -> None:
    """A step in the life of an exception; it may bring forward what falls due next. None: it is not told."""
    route.due_ms = 0
    if record is None:
        return
    effects.tell(record)
    effects.count("exceptions", record.code.value, record.transition.value)
