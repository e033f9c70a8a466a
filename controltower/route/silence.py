"""A silence that is due waits for the verdict about its feed, and is held back where the feed is down.

The verdict comes as a record, so it may stand in the log behind what made the silence due. Until the feed is
judged up to then the silence only waits; a fix that comes meanwhile is noted, and both are told together.
"""

from __future__ import annotations

from controltower.detect import signal_lost
from controltower.detect.rule import Verdict
from controltower.exceptions import lifecycle
from controltower.route.judge import clear, find_episode, hold_against, say
from controltower.route.limits import Limits
from controltower.route.route import Effects, Route, subject_of
from controltower.route.state import Unjudged
from controltower.route.verdicts import FeedVerdicts


def fall_silent(route: Route, due_ms: int, limits: Limits, effects: Effects) -> None:
    """The silence of a route is due: told now, or once its feed is judged up to here."""
    state, verdicts = route.state, effects.verdicts
    state.silent = True
    verdict = signal_lost.verdict(route.snapshot, state.heard_ms, due_ms)
    if verdicts is None or not state.feed or verdicts.judged_ms is None:
        hold_against(route, signal_lost.CODE, verdict, due_ms, None, limits, effects)
    elif verdicts.judged_ms >= due_ms:
        _tell(route, due_ms, verdict, verdicts, limits, effects)
    else:
        state.unjudged = (*state.unjudged, Unjudged(due_ms, verdict.since_ms, verdict.metrics))
        verdicts.wait(state.route_id)


def note_fix(route: Route, fix_at_ms: int, limits: Limits) -> None:
    """A fix ends what waits; one that was taken during the silence shows that there was none."""
    state = route.state
    state.release_ms = 0
    for waiting in state.unjudged:
        if not waiting.ended_ms:
            waiting.ended_ms = state.clock_ms
            waiting.delayed = signal_lost.was_only_delayed(
                waiting.since_ms, waiting.due_ms, fix_at_ms, limits
            )


def settle(route: Route, verdicts: FeedVerdicts, judged_ms: int, limits: Limits, effects: Effects) -> None:
    """Feeds are judged up to `judged_ms`: tells every silence that waited for this."""
    state = route.state
    ready = [waiting for waiting in state.unjudged if waiting.due_ms <= judged_ms]
    state.unjudged = tuple([waiting for waiting in state.unjudged if waiting.due_ms > judged_ms])
    if not state.unjudged:
        verdicts.wait_no_more(state.route_id)
    for waiting in ready:
        if state.ended_ms or waiting.delayed:
            continue
        verdict = Verdict(True, waiting.since_ms, None, waiting.metrics)
        _tell(route, waiting.due_ms, verdict, verdicts, limits, effects)
        if waiting.ended_ms:
            clear(route, signal_lost.CODE, waiting.ended_ms, limits, effects)


def _tell(
    route: Route, due_ms: int, verdict: Verdict, verdicts: FeedVerdicts, limits: Limits, effects: Effects
) -> None:
    """Where the feed was down it is opened as held back, so that nobody acts on it."""
    down = verdicts.find_down_at(route.state.feed, due_ms)
    parent_id = down.exception_id if down is not None else None
    hold_against(route, signal_lost.CODE, verdict, due_ms, None, limits, effects, parent_id)
    episode = find_episode(route, signal_lost.CODE)
    if parent_id is None or episode is None:
        return
    verdicts.hold_back(route.state.route_id, route.state.feed)
    if episode.suppressed_by is None:
        say(route, effects, lifecycle.suppress(episode, subject_of(route, limits), parent_id, due_ms))


def expect_again(route: Route, back_ms: int, limits: Limits) -> None:
    """The feed is back: a vehicle that stays silent is told once its own silence would have been due."""
    progress = route.snapshot.progress
    episode = find_episode(route, signal_lost.CODE)
    if episode is not None and episode.suppressed_by is not None and not episode.cleared_ms:
        route.state.release_ms = signal_lost.due_again_ms(back_ms, progress.cadence_ms, progress.gaps, limits)


def release(route: Route, at_ms: int, limits: Limits, effects: Effects) -> None:
    """The feed has been back for as long as a silence takes, and this vehicle is still silent."""
    route.state.release_ms = 0
    episode = find_episode(route, signal_lost.CODE)
    verdicts = effects.verdicts
    down_again = verdicts is not None and verdicts.find_down_at(route.state.feed, at_ms) is not None
    if episode is not None and episode.suppressed_by is not None and not down_again:
        parent_id = episode.suppressed_by
        say(route, effects, lifecycle.release(episode, subject_of(route, limits), parent_id, at_ms))
