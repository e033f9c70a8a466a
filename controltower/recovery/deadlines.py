"""What stream time alone does to a home: actions expire, cooldowns end, a quiet home is forgotten."""

from __future__ import annotations

from controltower.recovery.actions import Effect, move
from controltower.recovery.compensation import undo_half_done
from controltower.recovery.governance import AT_DISPATCH
from controltower.recovery.permits import return_permits
from controltower.recovery.regime import Regime
from controltower.recovery.reweigh import (
    go_on_after_failure,
    release_cooldown,
    release_mutex,
    release_waits,
)
from controltower.recovery.state import KEEP_MS, HomeState
from controltower.route.timeline import to_ms
from schemas import wire
from schemas.vocabulary import ActionState, SuppressReason


def next_due_ms(home: HomeState) -> int | None:
    """When time does something to the home; None: never."""
    dues = [to_ms(action.expires_at) for action in home.actions.values() if action.expires_at]
    dues += _cooldown_ends(home)
    dues += (wake_ms for case in home.cases.values() for wake_ms in case.wakes.values())
    if home.ended and not home.cases:
        dues.append(home.at_ms + KEEP_MS)
    return min(dues, default=None)


def advance(home: HomeState, regime: Regime, now_ms: int) -> list[Effect]:
    """Fire everything due up to `now_ms`, in order. Each firing happens at its own due time."""
    effects: list[Effect] = []
    while (due_ms := next_due_ms(home)) is not None and due_ms <= now_ms:
        fired = _fire(home, regime, due_ms)
        effects += [*fired, *return_permits(home, fired)]
    return effects


def _fire(home: HomeState, regime: Regime, due_ms: int) -> list[Effect]:
    """One thing that is due: the first action that expires, else what waits, else the home itself."""
    expired = [a for a in home.actions.values() if a.expires_at and to_ms(a.expires_at) == due_ms]
    if expired:
        return _expire(home, regime, min(expired, key=lambda action: action.action_id), due_ms)
    if due_ms in _cooldown_ends(home):
        home.at_ms = due_ms
        return release_cooldown(home, regime, due_ms)
    if home.cases:
        home.at_ms = max(home.at_ms, due_ms)
        return release_waits(home, regime, home.at_ms)
    home.cooldowns, home.ended, home.spent, home.at_ms = {}, [], 0.0, due_ms
    home.messages, home.command_ids = {}, []
    return []


def _expire(home: HomeState, regime: Regime, action: wire.Action, due_ms: int) -> list[Effect]:
    """Nobody answered in time. What dispatch left unanswered counts as failed, so the next step follows."""
    home.at_ms = due_ms
    effects: list[Effect] = [move(home, action, ActionState.EXPIRED, due_ms)]
    if action.state in AT_DISPATCH:
        effects += undo_half_done(home, regime, action, ActionState.EXPIRED, due_ms)
        effects += go_on_after_failure(home, regime, action, due_ms)
    return effects + release_mutex(home, regime, due_ms)


def _cooldown_ends(home: HomeState) -> list[int]:
    """Ends of the cooldowns that an exception waits for."""
    return [
        home.cooldowns.get(name, 0)
        for case in home.cases.values()
        for name, why in case.held.items()
        if why is SuppressReason.COOLDOWN
    ]
