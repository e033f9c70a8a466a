"""What falls due on a route, and what happens then. Deadlines fire in the order of their due times,
before the clock of the log passes them, so that neither ticks nor polls change the result."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from controltower.detect import late_departure, signal_lost
from controltower.exceptions import lifecycle
from controltower.route.ending import end_route
from controltower.route.judge import end_episode, hold_against, hold_until_ms, say
from controltower.route.limits import Limits
from controltower.route.packed import has_departed
from controltower.route.promises import promise_due
from controltower.route.route import Effects, Route, subject_of
from controltower.route.silence import fall_silent, release
from controltower.route.state import RouteState
from controltower.route.status import tell_if_new
from schemas.vocabulary import Resolution, RouteEnd


class Deadline(NamedTuple):
    """Sorted by due time, then by rule, then by the age of the exception it is about."""

    due_ms: int
    rank: int
    place: int


Fire = Callable[[Route, Deadline, Limits, Effects], None]


_HOLD_OVER: Final = 0
_SILENCE: Final = 1
_NOT_DEPARTED: Final = 2
_ROUTE_OVER: Final = 3
_WAKE: Final = 4
_ESCALATE: Final = 5
_RELEASE: Final = 6
_PROMISE: Final = 7


def pending(route: Route, limits: Limits) -> Iterator[Deadline]:
    """All deadlines of a route that has not ended."""
    state, plan = route.state, route.plan
    yield from _of_episodes(state, limits)
    if plan is None:
        yield Deadline(state.clock_ms + limits.forget_ms, _ROUTE_OVER, 0)
        return
    yield Deadline(plan.ends_ms + limits.route_over_ms, _ROUTE_OVER, 0)
    promise_ms = state.risk.promise_due_ms
    if promise_ms and not 0 < route.source_over_ms < promise_ms:
        yield Deadline(promise_ms, _PROMISE, 0)
    snapshot = route.snapshot
    if not state.silent:
        due = signal_lost.due_ms(snapshot, plan, state.heard_ms, limits)
        if due is not None and not 0 < route.source_over_ms < due:
            yield Deadline(due, _SILENCE, 0)
    if not state.late_departure:
        due = late_departure.due_ms(snapshot, plan, state.plan_received_ms, limits)
        if due is not None:
            yield Deadline(due, _NOT_DEPARTED, 0)


def _of_episodes(state: RouteState, limits: Limits) -> Iterator[Deadline]:
    for place, episode in enumerate(state.episodes):
        if episode.cleared_ms:
            yield Deadline(hold_until_ms(episode, limits), _HOLD_OVER, place)
        if episode.snoozed and episode.snoozed_until_ms:
            yield Deadline(episode.snoozed_until_ms, _WAKE, place)
        unanswered_ms = episode.due_at_level_ms()
        if unanswered_ms is not None:
            yield Deadline(unanswered_ms, _ESCALATE, place)
    if state.release_ms:
        yield Deadline(state.release_ms, _RELEASE, 0)


def next_due_ms(route: Route, limits: Limits) -> int:
    """When the next thing falls due; for an ended route, when it is forgotten."""
    if route.state.ended_ms:
        return route.state.ended_ms + limits.forget_ms
    return min(pending(route, limits)).due_ms


def wake_ms(state: RouteState, limits: Limits) -> int:
    """A time before which nothing falls due, from the state alone: neither plan nor trail is needed.

    It may be early, since only the plan tells where silence means nothing; then the route is looked at
    and the next one is found.
    """
    if state.ended_ms:
        return state.ended_ms + limits.forget_ms
    dues = [deadline.due_ms for deadline in _of_episodes(state, limits)]
    if not state.plan_version:
        dues.append(state.clock_ms + limits.forget_ms)
        return min(dues)
    dues.append(state.plan_ends_ms + limits.route_over_ms)
    if state.risk.promise_due_ms:
        dues.append(state.risk.promise_due_ms)
    if state.heard_ms and not state.silent:
        dues.append(signal_lost.earliest_ms(state.heard_ms, limits))
    if not state.late_departure and not has_departed(state.base):
        dues.append(late_departure.earliest_ms(state.plan_departs_ms, limits))
    return min(dues)


def put_off_silence(route: Route, limits: Limits) -> None:
    """A fix was heard. All other due times stay, so most fixes need not look for the next one."""
    earliest = signal_lost.earliest_ms(route.state.heard_ms, limits)
    if earliest < route.due_ms:
        route.due_ms = earliest


def fire_before(route: Route, upto_ms: int, limits: Limits, effects: Effects) -> None:
    """Fire everything due before `upto_ms`, in order. The route's clock moves to each due time."""
    if route.due_ms >= upto_ms:
        return
    while not route.state.ended_ms:
        deadline = min(pending(route, limits))
        if deadline.due_ms >= upto_ms:
            route.due_ms = deadline.due_ms
            return
        route.state.clock_ms = max(route.state.clock_ms, deadline.due_ms)
        _FIRES[deadline.rank](route, deadline, limits, effects)
        tell_if_new(route, deadline.due_ms, limits, effects)


def _hold_over(route: Route, deadline: Deadline, limits: Limits, effects: Effects) -> None:
    episode = route.state.episodes[deadline.place]
    end_episode(route, episode, Resolution.AUTO, deadline.due_ms, limits, effects)


def _silence(route: Route, deadline: Deadline, limits: Limits, effects: Effects) -> None:
    fall_silent(route, deadline.due_ms, limits, effects)


def _release(route: Route, deadline: Deadline, limits: Limits, effects: Effects) -> None:
    release(route, deadline.due_ms, limits, effects)


def _not_departed(route: Route, deadline: Deadline, limits: Limits, effects: Effects) -> None:
    assert route.plan is not None, "only a plan has a departure"
    route.state.late_departure = True
    verdict = late_departure.verdict(route.plan, deadline.due_ms)
    hold_against(route, late_departure.CODE, verdict, deadline.due_ms, None, limits, effects)


def _route_over(route: Route, deadline: Deadline, limits: Limits, effects: Effects) -> None:
    end_route(route, RouteEnd.PLAN_OVER, deadline.due_ms, limits, effects)


def _promise(route: Route, deadline: Deadline, limits: Limits, effects: Effects) -> None:
    promise_due(route, deadline.due_ms, limits, effects)


def _wake(route: Route, deadline: Deadline, limits: Limits, effects: Effects) -> None:
    episode = route.state.episodes[deadline.place]
    say(route, effects, lifecycle.wake(episode, subject_of(route, limits), deadline.due_ms))


def _escalate(route: Route, deadline: Deadline, limits: Limits, effects: Effects) -> None:
    episode = route.state.episodes[deadline.place]
    say(route, effects, lifecycle.escalate(episode, subject_of(route, limits), deadline.due_ms))


_FIRES: dict[int, Fire] = {
    _HOLD_OVER: _hold_over,
    _SILENCE: _silence,
    _NOT_DEPARTED: _not_departed,
    _ROUTE_OVER: _route_over,
    _WAKE: _wake,
    _ESCALATE: _escalate,
    _RELEASE: _release,
    _PROMISE: _promise,
}
