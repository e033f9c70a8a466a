"""Fold one event of a route's log into the route. Pure: no clock, no I/O, no randomness.

A scan moves the clock of its route when it comes through the same intake partition as the route's
fixes: then everything due before it fires first. Records of other origin (scores, commands, actions,
plans, scans of another feed) do not: their origin may be ahead of a backlog, and would end a silence
that is none. Nor does a scan of a parcel before the first fix: the fixes may stand in a backlog. Ticks
move all routes of a partition, and say what every origin has been read to.
"""

from __future__ import annotations

import sys
from functools import lru_cache
from typing import Any, Final

from controltower.detect import late_departure, signal_lost
from controltower.exceptions.episode import Trigger
from controltower.route.asking import ask_if_due
from controltower.route.commanding import apply_action, apply_command, apply_suppression, refuse
from controltower.route.deadlines import fire_before, put_off_silence
from controltower.route.ending import SERVING, end_route, is_finished
from controltower.route.events import Scan
from controltower.route.evidence import Fix
from controltower.route.judge import (
    clear,
    end_episode,
    find_episode,
    judge_fixes,
    may_judge,
)
from controltower.route.limits import Limits
from controltower.route.outcomes import await_outcomes, settle_outcomes
from controltower.route.plan import RoutePlan
from controltower.route.promises import bits_of, expect_promises, judge_scores, judge_slip, take_back_missed
from controltower.route.route import Effects, Route
from controltower.route.scores import take_score
from controltower.route.serving import forget_served, note_served
from controltower.route.silence import note_fix
from controltower.route.state import RouteState
from controltower.route.status import tell_if_new
from controltower.route.staying import note_stay
from controltower.route.timeline import to_ms
from controltower.route.trail import Took, restart, take_fix
from controltower.route.wording import put_in_words
from schemas import wire
from schemas.vocabulary import Resolution, RouteEnd

_ACCURACY_UNKNOWN_M: Final = 0.0
#: Partitions of the intake: every route of one shares its name.
_SOURCES_KEPT: Final = 4096


def apply_scan(route: Route, scan: Scan, limits: Limits, effects: Effects) -> None:
    """A position, a milestone, or both."""
    state = route.state
    received = to_ms(scan.received_at)
    source = _source_name(scan.source.topic, scan.source.partition)
    if not state.clock_ms:  # a scan that comes before the plan: nothing can have been due before it
        state.clock_ms = received
    fix = _fix_of(scan)
    if state.source == source or (not state.source and fix is not None):
        if route.due_ms < received:
            fire_before(route, received, limits, effects)
        if received > state.clock_ms:
            state.clock_ms = received
    if state.ended_ms:
        effects.count("after_end")
        return
    if state.carrier is None:
        state.carrier, state.tenant = sys.intern(scan.carrier), sys.intern(scan.tenant)
    if fix is not None:
        _apply_fix(route, scan, fix, received, source, limits, effects)
    if scan.milestone in SERVING:
        _serve(route, scan, received, limits, effects)
    elif scan.replaces in SERVING and scan.milestone not in SERVING:
        _take_back(route, scan.stop_id)
    _after_scan(route, limits, effects)


@lru_cache(maxsize=_SOURCES_KEPT)
def _source_name(topic: str, partition: int) -> str:
    return f"{topic}/{partition}"


def _fix_of(scan: Scan) -> Fix | None:
    place = scan.place
    if place is None or place.lat is None or place.lon is None:
        return None
    at = to_ms(scan.occurred_at)
    if scan.clock_skew_s:
        at -= int(scan.clock_skew_s * 1000)
    return Fix(at, place.lat, place.lon, place.accuracy_m or _ACCURACY_UNKNOWN_M)


def _serve(route: Route, scan: Scan, received_ms: int, limits: Limits, effects: Effects) -> None:
    """Note that a stop is done, and what follows from it; nothing where it was done already."""
    stop_id, state = scan.stop_id, route.state
    index = route.plan.stop_index.get(stop_id) if stop_id is not None and route.plan is not None else None
    if index is None or state.served >> index & 1:
        return
    state.served |= 1 << index
    served_ms = to_ms(scan.occurred_at)
    settle_outcomes(route, served_ms, state.clock_ms, effects)
    if state.risk.missed:
        take_back_missed(route, index, served_ms, state.clock_ms, limits, effects)
    trigger = Trigger(scan.source.topic, scan.source.partition, scan.source.offset, scan.scan_id)
    note_served(route, index, served_ms, received_ms, trigger, limits, effects)


def _take_back(route: Route, stop_id: str | None) -> None:
    """A scan that said the stop was served is corrected and does not say so any more."""
    index = route.plan.stop_index.get(stop_id) if route.plan and stop_id is not None else None
    if index is not None:
        route.state.served &= ~(1 << index)
        forget_served(route, index)


def _apply_fix(
    route: Route, scan: Scan, fix: Fix, received: int, source: str, limits: Limits, effects: Effects
) -> None:
    state = route.state
    trail = route.trail
    before = trail.now
    took = take_fix(trail, route.plan, fix, limits)
    if took is Took.DUPLICATE:
        effects.count("duplicates")
        return
    state.source = source
    if state.feed != scan.feed:
        state.feed = sys.intern(scan.feed)
    if received > state.heard_ms:
        kept: Any = state  # compiled, a number would be made anew for each of its places
        kept.heard_ms = kept.clock_ms if received == state.clock_ms else received
    route.source_over_ms = 0
    if scan.vehicle_id is not None and scan.vehicle_id != state.vehicle_id:
        state.vehicle_id = scan.vehicle_id
    put_off_silence(route, limits)
    if state.silent or state.episodes or state.unjudged or state.release_ms:
        _hear_again(route, fix.at_ms, limits, effects)
    if took is Took.TOO_LATE:
        effects.count("late")
        return
    if took is Took.REORDERED:
        route.due_ms = 0
    elif before.standing.since_ms != trail.now.standing.since_ms:
        note_stay(route, before, limits, effects)
    if state.risk.foretold and before.progress.next_stop != route.snapshot.progress.next_stop:
        settle_outcomes(route, fix.at_ms, state.clock_ms, effects)
    if may_judge(route):
        trigger = Trigger(scan.source.topic, scan.source.partition, scan.source.offset, scan.scan_id)
        judge_fixes(route, state.clock_ms, trigger, limits, effects)
    if state.late_departure and route.snapshot.progress.departed_ms:
        state.late_departure = False
        clear(route, late_departure.CODE, state.clock_ms, limits, effects)
        judge_slip(route, route.slip_ms(state.clock_ms), state.clock_ms, limits, effects)
    elif before.slipping.level != route.snapshot.slipping.level:
        judge_slip(route, route.slip_ms(state.clock_ms), state.clock_ms, limits, effects)
    ask_if_due(route, state.clock_ms, limits, effects)


def _hear_again(route: Route, fix_at_ms: int, limits: Limits, effects: Effects) -> None:
    """A fix ends a silence; one that was taken during it shows that the tracker only could not send."""
    state = route.state
    state.silent = False
    if state.unjudged or state.release_ms:
        note_fix(route, fix_at_ms, limits)
    episode = find_episode(route, signal_lost.CODE)
    if episode is None:
        return
    if signal_lost.was_only_delayed(episode.onset_ms, episode.detected_ms, fix_at_ms, limits):
        end_episode(route, episode, Resolution.RETRACTED, state.clock_ms, limits, effects)
        return
    clear(route, signal_lost.CODE, state.clock_ms, limits, effects)


def _after_scan(route: Route, limits: Limits, effects: Effects) -> None:
    now = route.state.clock_ms
    if is_finished(route) and not route.state.unsettled:
        end_route(route, RouteEnd.LAST_STOP_SERVED, now, limits, effects)
    tell_if_new(route, now, limits, effects)


def apply_plan(route: Route, plan: RoutePlan, received_ms: int, limits: Limits, effects: Effects) -> bool:
    """A version of the plan; False where it is not newer than the one in force."""
    state = route.state
    if state.ended_ms or plan.version <= state.plan_version:
        effects.count("duplicates")
        return False
    served, before = _served_stops(route), route.plan
    route.plan = plan
    state.plan_version, state.plan_received_ms = plan.version, received_ms
    state.plan_ends_ms, state.plan_departs_ms = plan.ends_ms, plan.stops[0].departure_ms
    state.tenant, state.carrier = plan.tenant, plan.carrier
    state.learned = plan.learned
    state.vehicle_id = plan.vehicle_id or state.vehicle_id
    state.clock_ms = max(state.clock_ms, received_ms) if not state.heard_ms else state.clock_ms
    state.served = sum(1 << i for i, stop in enumerate(plan.stops) if stop.stop_id in served)
    missed = {before.stops[i].stop_id for i in bits_of(state.risk.missed)} if before else set()
    state.risk.missed = sum(1 << i for i, stop in enumerate(plan.stops) if stop.stop_id in missed)
    if before is not None:
        _keep_unsettled(state, before, plan)
    expect_promises(route, limits)
    state.late_departure = False
    restart(route.trail, plan, limits)
    for episode in list(state.episodes):
        if episode.stop_id is not None and episode.stop_id not in plan.stop_index:
            end_episode(route, episode, Resolution.SUPERSEDED, state.clock_ms, limits, effects)
    if may_judge(route):
        judge_fixes(route, state.clock_ms, None, limits, effects)
    tell_if_new(route, state.clock_ms, limits, effects)
    return True


def _keep_unsettled(state: RouteState, before: RoutePlan, plan: RoutePlan) -> None:
    """Scans that wait, at the places of their stops in the new version."""
    for scan in state.unsettled:
        scan.stop = plan.stop_index.get(before.stops[scan.stop].stop_id, -1)
    state.unsettled = tuple([scan for scan in state.unsettled if scan.stop >= 0])


def _served_stops(route: Route) -> set[str]:
    if route.plan is None:
        return set()
    left = set(route.remaining())
    return {stop.stop_id for i, stop in enumerate(route.plan.stops) if i not in left}


def apply_score(route: Route, score: wire.Score, trigger: Trigger, limits: Limits, effects: Effects) -> None:
    """The answer of the delay model."""
    state, plan = route.state, route.plan
    if plan is None or state.ended_ms:
        effects.count("after_end")
        return
    now = max(state.clock_ms, to_ms(score.as_of))
    etas_ms = take_score(route, plan, score, now)
    await_outcomes(route, plan)
    explanation, summary = put_in_words(route, plan, score)
    judge_scores(route, score, etas_ms, explanation, summary, now, trigger, limits, effects)
    tell_if_new(route, now, limits, effects)


def apply_vehicle_moved(route: Route, moved: wire.VehicleMoved, limits: Limits, effects: Effects) -> None:
    """The vehicle was seen on another route: this one is over, which is no lost signal."""
    received = to_ms(moved.received_at)
    fire_before(route, received, limits, effects)
    if route.state.ended_ms:
        return
    route.state.clock_ms = max(route.state.clock_ms, received)
    end_route(route, RouteEnd.VEHICLE_ON_NEXT_ROUTE, route.state.clock_ms, limits, effects)
    tell_if_new(route, route.state.clock_ms, limits, effects)


def apply_clock(route: Route, clock_ms: int, limits: Limits, effects: Effects) -> None:
    """The clock of the partition moved: everything due up to and at it fires."""
    fire_before(route, clock_ms + 1, limits, effects)


__all__ = [
    "apply_action",
    "apply_clock",
    "apply_command",
    "apply_plan",
    "apply_scan",
    "apply_score",
    "apply_suppression",
    "apply_vehicle_moved",
    "refuse",
]
